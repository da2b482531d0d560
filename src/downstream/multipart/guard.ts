/**
 * Ensures that every parser reads a form as the gateway does: the gateway checks the model, and the vendor must not find
 * another one. What parsers understand differently is refused.
 */
import { isModelName } from '../../protocols/shared/key-scope.ts'
import { duplicateModel, isFinalDelimiter, malformedForm, type PartHeader, parsePartHeaderAt } from './grammar.ts'

/** Checks the name of a field. It throws GatewayError `invalid_request`. */
export type FieldCheck = (name: string) => void

/** Takes a form chunk by chunk, from its first byte. It throws GatewayError `invalid_request` at an unclear chunk. */
export type FormGuard = (bytes: Uint8Array) => void

/** Two bytes before a delimiter, its line break, are looked at, and two bytes after it. */
const lineBreak = 2

/** A guard for one form. `delimiter` begins with its CRLF. */
export const createFormGuard = (delimiter: Buffer, checkField: FieldCheck): FormGuard => {
  const marker = delimiter.subarray(lineBreak)
  // The first delimiter has no line break before it. With one added, it is like all others.
  let tail = Buffer.from('\r\n')
  let hasModel = false
  let isFinished = false

  const checkPart = (header: PartHeader): void => {
    checkField(header.name)
    if (!isModelName(header.name)) return
    if (header.name !== 'model' || header.isFile || header.hasCharset)
      throw malformedForm('a part may be read as the model')
    if (hasModel) throw duplicateModel()
    hasModel = true
  }

  /** Returns the offset up to which the window is done with: what follows waits for more bytes. */
  const checkWindow = (window: Buffer): number => {
    let from = 0
    for (;;) {
      const at = window.indexOf(marker, from)
      if (at < 0) return Math.max(window.length - marker.length - lineBreak + 1, from - lineBreak, 0)
      const after = at + marker.length
      if (window.length < after + lineBreak) return at - lineBreak
      checkDelimiter(window, at, after)
      if (isFinished) throw malformedForm('something follows its end')
      isFinished = isFinalDelimiter(window, after)
      from = after
      if (isFinished) continue
      const header = parsePartHeaderAt(window, after)
      if (!header) return at - lineBreak
      checkPart(header)
      from = header.end - lineBreak
      if (window.subarray(after, from).includes(marker)) throw malformedForm('a part has its delimiter in its head')
    }
  }

  return bytes => {
    const window = Buffer.concat([tail, bytes])
    tail = Buffer.from(window.subarray(checkWindow(window)))
  }
}

/** A delimiter is a line of its own. Some parsers also accept a line feed, or the delimiter inside a line. */
const checkDelimiter = (bytes: Buffer, at: number, after: number): void => {
  const isAtLineStart = at >= lineBreak && isLineBreak(bytes, at - lineBreak)
  if (!isAtLineStart || !(isLineBreak(bytes, after) || isFinalDelimiter(bytes, after)))
    throw malformedForm('its delimiter is not on a line of its own that ends in CRLF')
}

const isLineBreak = (bytes: Buffer, at: number): boolean => bytes[at] === 13 && bytes[at + 1] === 10
