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
  const data = new DataLines()
  let event: string | undefined

  const dispatch = () => {
    const text = data.take()
    if (text !== undefined) emit(event === undefined ? { data: text } : { event, data: text })
    event = undefined
  }

  const addData = (value: string) => {
    if (data.isComplete() && startsFrame(value)) dispatch()
    data.add(value)
  }

  const onLine = (line: string) => {
    if (line === '') return dispatch()
    if (line.startsWith('data:')) return addData(line.slice(line.charCodeAt(5) === 32 ? 6 : 5))
    if (line.startsWith('event:')) event = line.slice(line.charCodeAt(6) === 32 ? 7 : 6)
    else if (line === 'data') addData('')
  }

  return {
    push: lines.push,
    isBetweenFrames: () => event === undefined && data.isEmpty() && lines.isBetweenFrames(),
    end() {
      lines.end()
      dispatch()
    },
  }
}

/** Lines that are joined at once. Without it a frame of empty lines would take many times its length in memory. */
const linesPerBlock = 4096

/** The data lines of one frame. They are joined once, so that the cost of a frame grows only with its length. */
class DataLines {
  #lines: string[] = []
  /** The joined lines before `#lines`, with their line ends. It is only read when the frame is complete. */
  #before = ''
  #last: string | undefined
  #length = 0

  isEmpty(): boolean {
    return this.#last === undefined
  }

  /** @throws GatewayError `upstream_failed` if the frame becomes longer than `maxFrameLength` */
  add(line: string): void {
    this.#length += line.length + 1
    if (this.#length > maxFrameLength) throw frameTooLarge()
    if (this.#lines.push(line) === linesPerBlock) {
      this.#before += `${this.#lines.join('\n')}\n`
      this.#lines = []
    }
    this.#last = line
  }

  /** The data so far may be a whole frame: it ends like a JSON object, or it is the end marker of the stream. */
  isComplete(): boolean {
    return this.#last?.endsWith('}') === true || (this.#last === '[DONE]' && this.#length === this.#last.length + 1)
  }

  /** Returns all data and begins a new frame. Undefined if there was no data line. */
  take(): string | undefined {
    if (this.#last === undefined) return undefined
    const text = this.#lines.length > 0 ? this.#before + this.#lines.join('\n') : this.#before.slice(0, -1)
    this.#lines = []
    this.#before = ''
    this.#last = undefined
    this.#length = 0
    return text
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
    const nextLineEnd = lineEndFinder(text)
    let from = 0
    if (isAfterCarriageReturn && text !== '') {
      if (text.charCodeAt(0) === 10) from = 1
      isAfterCarriageReturn = false
    }
    for (;;) {
      const end = nextLineEnd(from)
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

/**
 * Finds the next line feed or carriage return at or after an offset that never decreases; -1 if there is none. Either
 * search is repeated only once its last result has been passed, so a text is searched twice at most.
 */
const lineEndFinder = (text: string): ((from: number) => number) => {
  if (!text.includes('\r')) return from => text.indexOf('\n', from)
  let lineFeed = -1
  let carriageReturn = -1
  const search = (mark: string, last: number, from: number): number => {
    if (last >= from) return last
    const found = text.indexOf(mark, from)
    return found < 0 ? text.length : found
  }
  return from => {
    lineFeed = search('\n', lineFeed, from)
    carriageReturn = search('\r', carriageReturn, from)
    const end = Math.min(lineFeed, carriageReturn)
    return end < text.length ? end : -1
  }
}

/**
 * Some vendors separate frames by a single newline. Data that is complete JSON, followed by a line that starts a new
 * value, is a frame of its own.
 */
const startsFrame = (line: string): boolean => line.startsWith('{') || line === '[DONE]'

const frameTooLarge = (): GatewayError =>
  new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
