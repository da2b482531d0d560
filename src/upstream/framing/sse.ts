/** Bytes of a stream → whole frames. Any cut of the bytes, inside a character too, gives the same frames. */
import { GatewayError } from '../../base/errors.ts'
import type { Frame } from '../../protocols/protocol.ts'

/** Characters one frame may have (images in base64 come as one): a larger one ends the stream as a fault. */
export const largestFrame = 16 * 1024 * 1024

/** Takes bytes as the network cuts them; `end` says there are no more. Throws GatewayError `upstream_failed` on a frame over `largestFrame`. */
export type FrameReader = {
  push: (bytes: Uint8Array) => void
  end: () => void
  /** The bytes so far ended with a frame: none has begun. */
  between: () => boolean
}

/** A way to tell where a frame of a stream ends. */
export type Framing = (emit: (frame: Frame) => void) => FrameReader

/**
 * Server-sent events as vendors really write them: LF, CRLF or CR; no space after `data:`; comments; several data lines; frames parted by
 * one newline only; no blank line at the end. Comments are dropped (the relay has seen their bytes: they are signs of life).
 */
export const sse: Framing = emit => {
  const lines = lineReader(line => hear(line))
  let event: string | undefined
  let data: string | undefined

  const dispatch = () => {
    if (data !== undefined) emit(event === undefined ? { data } : { event, data })
    event = undefined
    data = undefined
  }

  const say = (value: string) => {
    if (data === undefined) data = value
    else if (isWhole(data) && startsWhole(value)) {
      dispatch()
      data = value
    } else if (data.length + value.length > largestFrame) throw tooLarge()
    else data += '\n' + value
  }

  const hear = (line: string) => {
    if (line === '') return dispatch()
    if (line.startsWith('data:')) return say(line.slice(line.charCodeAt(5) === 32 ? 6 : 5))
    if (line.startsWith('event:')) event = line.slice(line.charCodeAt(6) === 32 ? 7 : 6)
    else if (line === 'data') say('')
  }

  return {
    push: lines.push,
    between: () => event === undefined && data === undefined && lines.between(),
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
  let afterReturn = false

  const line = (tail: string) => {
    if (length === 0) return emit(tail)
    const whole = pieces.join('') + tail
    pieces = []
    length = 0
    emit(whole)
  }

  const keep = (piece: string) => {
    if (piece === '') return
    pieces.push(piece)
    length += piece.length
    if (length > largestFrame) throw tooLarge()
  }

  const read = (text: string) => {
    const carriageReturns = text.includes('\r')
    let from = 0
    if (afterReturn && text !== '') {
      if (text.charCodeAt(0) === 10) from = 1
      afterReturn = false
    }
    for (;;) {
      const end = carriageReturns ? lineEnd(text, from) : text.indexOf('\n', from)
      if (end < 0) return keep(from === 0 ? text : text.slice(from))
      line(text.slice(from, end))
      from = end + 1
      if (text.charCodeAt(end) !== 13) continue
      if (from === text.length) afterReturn = true
      else if (text.charCodeAt(from) === 10) from++
    }
  }

  return {
    push: bytes => read(decoder.decode(bytes, { stream: true })),
    between: () => length === 0 && !afterReturn,
    end() {
      read(decoder.decode())
      if (length > 0) line('')
    },
  }
}

const lineEnd = (text: string, from: number): number => {
  const feed = text.indexOf('\n', from)
  const back = text.indexOf('\r', from)
  return back < 0 ? feed : feed < 0 ? back : Math.min(feed, back)
}

/** Some vendors part frames by a single newline: a data line that is whole JSON, followed by one that starts anew, is a frame of its own. */
const isWhole = (data: string): boolean => data.endsWith('}') || data === '[DONE]'
const startsWhole = (line: string): boolean => line.startsWith('{') || line === '[DONE]'

const tooLarge = (): GatewayError => new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
