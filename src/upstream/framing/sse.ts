/**
 * Decodes server-sent events: stream bytes → complete frames. The frames do not depend on where the bytes are cut, even
 * inside a character.
 */
import { GatewayError } from '../../base/errors.ts'
import type { Frame } from '../../protocols/protocol.ts'

/**
 * Maximum characters of one frame. A base64 image arrives as one frame. A larger frame ends the stream with an error.
 */
export const maxFrameLength = 16 * 1024 * 1024

/**
 * An incremental frame decoder. `push` takes bytes as they arrive from the network, `end` marks the end of the stream.
 * Both throw GatewayError `upstream_failed` for a frame longer than `maxFrameLength`.
 */
export type FrameReader = {
  push: (bytes: Uint8Array) => void
  end: () => void
  /** True when the bytes so far end with a complete frame and no further frame has begun. */
  isBetweenFrames: () => boolean
}

/** The framing of a stream: creates a reader that passes each complete frame to `emit`. */
export type Framing = (emit: (frame: Frame) => void) => FrameReader

/**
 * Server-sent events as vendors really write them: LF, CRLF or CR line ends; no space after `data:`; comments; several
 * data lines; frames separated by a single newline; no blank line at the end. Comments are dropped. The stream reader
 * has already counted their bytes as a sign of life.
 */
export const sseFraming: Framing = emit => {
  const lines = lineReader(line => onLine(line))
  let event: string | undefined
  let data: string | undefined
  /** The last line of `data`: looking at the end of a text that still grows would copy all of it for every line. */
  let lastLine = ''

  const dispatch = () => {
    if (data !== undefined) emit(event === undefined ? { data } : { event, data })
    event = undefined
    data = undefined
  }

  const addData = (value: string) => {
    if (data === undefined) data = value
    else if (isCompleteData(lastLine, data) && startsFrame(value)) {
      dispatch()
      data = value
    } else if (data.length + value.length > maxFrameLength) throw frameTooLarge()
    else data += '\n' + value
    lastLine = value
  }

  const onLine = (line: string) => {
    if (line === '') return dispatch()
    if (line.startsWith('data:')) return addData(line.slice(line.charCodeAt(5) === 32 ? 6 : 5))
    if (line.startsWith('event:')) event = line.slice(line.charCodeAt(6) === 32 ? 7 : 6)
    else if (line === 'data') addData('')
  }

  return {
    push: lines.push,
    isBetweenFrames: () => event === undefined && data === undefined && lines.isBetweenFrames(),
    end() {
      lines.end()
      dispatch()
    },
  }
}

/** Splits bytes into lines, without their line ends. */
const lineReader = (emit: (line: string) => void): FrameReader => {
  const decoder = new TextDecoder()
  /**
   * Pieces of a line whose end has not arrived yet. They are joined once, so that the cost of a huge line grows only
   * with its length.
   */
  let pieces: string[] = []
  let length = 0
  let isAfterCarriageReturn = false

  const emitLine = (tail: string) => {
    if (length === 0) return emit(tail)
    const fullLine = pieces.join('') + tail
    pieces = []
    length = 0
    emit(fullLine)
  }

  const buffer = (piece: string) => {
    if (piece === '') return
    pieces.push(piece)
    length += piece.length
    if (length > maxFrameLength) throw frameTooLarge()
  }

  const splitLines = (text: string) => {
    const hasCarriageReturns = text.includes('\r')
    let from = 0
    if (isAfterCarriageReturn && text !== '') {
      if (text.charCodeAt(0) === 10) from = 1
      isAfterCarriageReturn = false
    }
    for (;;) {
      const end = hasCarriageReturns ? lineEnd(text, from) : text.indexOf('\n', from)
      if (end < 0) return buffer(from === 0 ? text : text.slice(from))
      emitLine(text.slice(from, end))
      from = end + 1
      if (text.charCodeAt(end) !== 13) continue
      if (from === text.length) isAfterCarriageReturn = true
      else if (text.charCodeAt(from) === 10) from++
    }
  }

  return {
    push: bytes => splitLines(decoder.decode(bytes, { stream: true })),
    isBetweenFrames: () => length === 0 && !isAfterCarriageReturn,
    end() {
      splitLines(decoder.decode())
      if (length > 0) emitLine('')
    },
  }
}

const lineEnd = (text: string, from: number): number => {
  const lineFeed = text.indexOf('\n', from)
  const carriageReturn = text.indexOf('\r', from)
  if (carriageReturn < 0) return lineFeed
  return lineFeed < 0 ? carriageReturn : Math.min(lineFeed, carriageReturn)
}

/**
 * Some vendors separate frames by a single newline. A data line that is complete JSON, followed by a line that starts a
 * new value, is a frame of its own.
 */
const isCompleteData = (lastLine: string, data: string): boolean =>
  lastLine.endsWith('}') || (lastLine === '[DONE]' && data.length === lastLine.length)
const startsFrame = (line: string): boolean => line.startsWith('{') || line === '[DONE]'

const frameTooLarge = (): GatewayError =>
  new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
