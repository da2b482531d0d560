/** Adds and removes form fields, so that an entry's `params` replace the client's. */
import { isFinalDelimiter, parsePartHeaderAt } from './grammar.ts'

/** Field values as written in the configuration: JSON values. */
export type FormParams = Readonly<Record<string, unknown>>

/** A field that ends where the first delimiter of the form begins. */
export const renderField = (delimiter: Buffer, name: string, value: string): Buffer =>
  Buffer.from(
    `${delimiter.toString().slice(2)}\r\ncontent-disposition: form-data; name="${escapeName(name)}"\r\n\r\n${value}\r\n`,
  )

const escapeName = (name: string): string => name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

/** A list becomes several fields `name[]`, as OpenAI's clients write it. An object becomes JSON. Null adds no field. */
export const renderFields = (delimiter: Buffer, params: FormParams): Buffer =>
  Buffer.concat(
    Object.entries(params).flatMap(([name, value]) => {
      if (value === null) return []
      if (!Array.isArray(value)) return renderField(delimiter, name, fieldText(value))
      return value.map(item => renderField(delimiter, `${name}[]`, fieldText(item)))
    }),
  )

const fieldText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/**
 * Returns a function that takes a form chunk by chunk and returns it without the named fields (`name[]` counts as
 * `name`).
 * It returns only what is certain: the last bytes, which may begin a delimiter, come with the next chunk or with the
 * end of the form.
 * Anything before the first field is not part of the form and is dropped too.
 */
export const createFieldFilter = (delimiter: Buffer, names: readonly string[]): ((bytes: Uint8Array) => Buffer) => {
  const dropped = new Set(names)
  // The first delimiter has no line break before it. With one added, it is like all others.
  let pending = Buffer.from('\r\n')
  let bytesToSkip = pending.length
  let isDropping = true
  let isFinished = false
  const filterWindow = (window: Buffer, kept: Buffer[]): number => {
    for (let at = 0; ; ) {
      const end = isFinished ? -1 : window.indexOf(delimiter, at)
      const lastCertain = end < 0 ? Math.max(window.length - delimiter.length, at) : end
      const certainEnd = isFinished ? window.length : lastCertain
      if (!isDropping) kept.push(window.subarray(at, certainEnd))
      if (end < 0 || window.length < end + delimiter.length + 2) return certainEnd
      if (isFinalDelimiter(window, end + delimiter.length)) {
        isDropping = false
        isFinished = true
        at = end
        continue
      }
      const header = parsePartHeaderAt(window, end + delimiter.length)
      if (!header) return end
      isDropping = dropped.has(header.name.replace(/\[\]$/, ''))
      // The last CRLF of a header may be the first of the next delimiter, so it counts as content.
      at = header.end - 2
      if (!isDropping) kept.push(window.subarray(end, at))
    }
  }
  return bytes => {
    const window = Buffer.concat([pending, bytes])
    const kept: Buffer[] = []
    pending = window.subarray(filterWindow(window, kept))
    const joined = Buffer.concat(kept)
    const output = joined.subarray(Math.min(bytesToSkip, joined.length))
    bytesToSkip -= joined.length - output.length
    return output
  }
}
