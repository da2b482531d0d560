/** Bytes of a stream → whole frames. Any cut of the bytes, inside a character too, gives the same frames. */
import { GatewayError } from '../../base/errors.ts'
import type { Frame } from '../../protocols/protocol.ts'

/** Characters one frame may have (images in base64 come as one): a larger one ends the stream as a fault. */
export const maxFrameLength = 16 * 1024 * 1024

/** Takes bytes as the network cuts them; `end` says there are no more. Throws GatewayError `upstream_failed` on a frame over `largestFrame`. */
export type FrameReader = {
  push: (bytes: Uint8Array) => void
  end: () => void
  /** The bytes so far ended with a frame: none has begun. */
  isBetweenFrames: () => boolean
}

/** A way to tell where a frame of a stream ends. */
export type Framing = (emit: (frame: Frame) => void) => FrameReader

/**
 * Server-sent events as vendors really write them: LF, CRLF or CR; no space after `data:`; comments; several data lines; frames parted by
 * one newline only; no blank line at the end. Comments are dropped (the relay has seen their bytes: they are signs of life).
 */
export const sseFraming: Framing = emit => {
  const lines = lineReader(line => onLine(line))
  let event: string | undefined
  let data: string | undefined

  const dispatch = () => {
    if (data !== undefined) emit(event === undefined ? { data } : { event, data })
    event = undefined
    data = undefined
  }

  const addData = (value: string) => {
    if (data === undefined) data = value
    else if (isCompleteData(data) && startsFrame(value)) {
      dispatch()
      data = value
    } else if (data.length + value.length > maxFrameLength) throw frameTooLarge()
    else data += '\n' + value
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

/** Bytes → lines without their ends. */
const lineReader = (emit: (line: string) => void): FrameReader => {
  const decoder = new TextDecoder()
  /** Pieces of the line whose end has not come yet; joined once, so that a huge line costs no more than its length. */
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
  return carriageReturn < 0 ? lineFeed : lineFeed < 0 ? carriageReturn : Math.min(lineFeed, carriageReturn)
}

/** Some vendors part frames by a single newline: a data line that is whole JSON, followed by one that starts anew, is a frame of its own. */
const isCompleteData = (data: string): boolean => data.endsWith('}') || data === '[DONE]'
const startsFrame = (line: string): boolean => line.startsWith('{') || line === '[DONE]'

const frameTooLarge = (): GatewayError =>
  new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
