/**
 * Frames of one stream are alike: most differ from the one before in a word. A piece of the wire that differs from one that said a word in
 * nothing but that word goes out as that one did, with a word of its own, neither decoded nor parsed: a half of what a translated stream costs.
 */
import { isUtf8 } from 'node:buffer'
import { onlyOccurrence } from '../protocols/openai-chat/chunks/frame-template.ts'
import type { VolatileFields } from '../protocols/protocol.ts'

/**
 * A piece is like it that is head, word, tail; out goes before, word, behind. All four lie in one run of bytes: between two frames of a stream they
 * have left the processor's cache, and what lies together comes back together.
 */
type Pattern = {
  /** Head, tail, before, behind. */
  bytes: Buffer
  /** Where in `bytes` the first three end. */
  headEnd: number
  tailEnd: number
  beforeEnd: number
  /** What comes after the tail of a piece, where it need not be the same. */
  volatileRest: VolatileRest | undefined
  /** Where a piece goes out as it came but for one place ahead of the word, the model's: that place, which `before` takes; `behind` is empty. */
  modelSpan: ByteSpan | undefined
}
type ByteSpan = { from: number; until: number }
/** Bytes whose figures may differ, or that end a string which may. */
type VolatileRest = { kind: VolatileFields['kind']; bytes: Buffer }

/** So many patterns in a row that no piece was like, and the stream is one whose frames are never alike. */
const maxMisses = 32
/** Bytes of words that may be kept until they are heard. */
const maxUnparsedBytes = 64 * 1024

export class FrameTemplate {
  #pattern: Pattern | undefined
  #misses = 0
  #retainsText = false
  /** Words that went the short way, as bytes; `#last` is the piece that said the last of them, which ends at `#end`. */
  #textBuffer: Buffer = Buffer.allocUnsafe(0)
  #textLength = 0
  #lastPiece: Uint8Array | undefined
  #lastTextEnd = 0

  /** @param volatileFields what differs from frame to frame and says nothing */
  constructor(private readonly volatileFields?: VolatileFields) {}

  /** Is it worth learning. */
  get isCapturing(): boolean {
    return this.#misses < maxMisses
  }

  /** `piece`, one whole frame, said `word` and nothing else, and `out` went to the client for it. `gathers`: keep the words to come. */
  capture(piece: Uint8Array, delta: string, output: string, retainsText = false): void {
    this.#pattern = patternOf(piece, delta, output, this.volatileFields)
    this.#retainsText = retainsText
    this.#misses++
  }

  /** What goes out for a piece that is like the one learnt; undefined where it is not, or its word needs a reader. */
  match(piece: Uint8Array): Uint8Array | undefined {
    const pattern = this.#pattern
    if (pattern === undefined || this.#textLength > maxUnparsedBytes) return undefined
    const end = textEndIn(pattern, piece)
    const output = end < 0 ? undefined : renderMatch(pattern, piece, end)
    if (output === undefined) return undefined
    this.#misses = 0
    if (this.#retainsText) this.#retain(piece, pattern.headEnd, end)
    return output
  }

  /** The words kept since, as one piece that says them all and counts what the last one counted. They are not kept any longer. */
  unparsed(): Uint8Array | undefined {
    const pattern = this.#pattern
    if (this.#textLength === 0 || pattern === undefined || this.#lastPiece === undefined) return undefined
    const texts = this.#textBuffer.subarray(0, this.#textLength)
    this.#textLength = 0
    return Buffer.concat([
      pattern.bytes.subarray(0, pattern.headEnd),
      texts,
      this.#lastPiece.subarray(this.#lastTextEnd),
    ])
  }

  forget(): void {
    this.#pattern = undefined
  }

  #retain(piece: Uint8Array, from: number, end: number): void {
    const length = this.#textLength + end - from
    if (length > this.#textBuffer.length) this.#textBuffer = Buffer.concat([this.#textBuffer], length * 2)
    copy.call(piece, this.#textBuffer, this.#textLength, from, end)
    this.#textLength = length
    this.#lastPiece = piece
    this.#lastTextEnd = end
  }
}

/** A view of the piece would cost three times the copy. */
const { copy } = Buffer.prototype

/** Where the word of a piece that is like the pattern ends; -1 for any other. */
const textEndIn = ({ bytes, headEnd, tailEnd, volatileRest }: Pattern, piece: Uint8Array): number => {
  if (piece.length < tailEnd || bytes.compare(piece, 0, headEnd, 0, headEnd) !== 0) return -1
  const end = endOfString(piece, headEnd)
  const until = end + tailEnd - headEnd
  if (end <= headEnd || until > piece.length || bytes.compare(piece, end, until, headEnd, tailEnd) !== 0) return -1
  const isMatch = volatileRest ? matchesRest(volatileRest, piece, until) : until === piece.length
  return isMatch ? end : -1
}

/** A string that may differ goes out as it came, so it has to be ASCII, as all padding is. */
const matchesRest = ({ kind, bytes }: VolatileRest, piece: Uint8Array, from: number): boolean => {
  if (kind === 'figures') return equalsExceptDigits(bytes, piece, from)
  const end = endOfString(piece, from)
  return end >= from && isAscii(piece, from, end) && bytes.compare(piece, end) === 0
}

const renderMatch = (pattern: Pattern, piece: Uint8Array, end: number): Uint8Array | undefined => {
  const { modelSpan } = pattern
  const output = modelSpan ? replaceModel(modelSpan, pattern, piece) : wrapText(pattern, piece, end)
  return isAscii(piece, pattern.headEnd, end) || isUtf8(output) ? output : undefined
}

/** A word is short: asking the runtime costs more than looking. */
const isAscii = (piece: Uint8Array, from: number, end: number): boolean => {
  for (let at = from; at < end; at++) if (piece[at]! > 127) return false
  return true
}

const replaceModel = ({ from, until }: ByteSpan, { bytes, tailEnd }: Pattern, piece: Uint8Array): Uint8Array => {
  const length = bytes.length - tailEnd
  if (from === until && length === 0) return piece
  const output = new Uint8Array(piece.length - until + from + length)
  copy.call(piece, output, 0, 0, from)
  copy.call(bytes, output, from, tailEnd)
  copy.call(piece, output, from + length, until)
  return output
}

const wrapText = (pattern: Pattern, piece: Uint8Array, end: number): Uint8Array => {
  const { bytes, headEnd, tailEnd, beforeEnd } = pattern
  const output = new Uint8Array(bytes.length - tailEnd + end - headEnd)
  const from = beforeEnd - tailEnd
  copy.call(bytes, output, 0, tailEnd, beforeEnd)
  copy.call(piece, output, from, headEnd, end)
  copy.call(bytes, output, from + end - headEnd, beforeEnd)
  return output
}

const QUOTE = 34
const BACKSLASH = 92

/** Where the quote stands; -1 where an escape comes before it, or what no JSON holds. UTF-8 has no quote inside a character. */
const endOfString = (piece: Uint8Array, from: number): number => {
  for (let at = from; at < piece.length; at++) {
    const byte = piece[at]!
    if (byte === QUOTE) return at
    if (byte === BACKSLASH || byte < 32) return -1
  }
  return -1
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57

/** Up to the end of both, a number for a number. */
const equalsExceptDigits = (expected: Uint8Array, piece: Uint8Array, from: number): boolean => {
  let at = from
  let expectedAt = 0
  while (expectedAt < expected.length) {
    if (isDigit(expected[expectedAt]) && isDigit(piece[at])) {
      while (isDigit(expected[expectedAt])) expectedAt++
      while (isDigit(piece[at])) at++
    } else if (expected[expectedAt++] !== piece[at++]) return false
  }
  return at === piece.length
}

/** Undefined where the word cannot be told from all else. Without an escape it stands as it is; in Latin-1 a character is a byte. */
const patternOf = (
  piece: Uint8Array,
  delta: string,
  output: string,
  volatileFields: VolatileFields | undefined,
): Pattern | undefined => {
  const input = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1')
  const renderedOutput = Buffer.from(output).toString('latin1')
  const quoted = `"${Buffer.from(delta).toString('latin1')}"`
  if (delta === '' || input.includes('\\') || renderedOutput.includes('\\')) return undefined
  const at = onlyOccurrence(input, quoted)
  const outputAt = onlyOccurrence(renderedOutput, quoted)
  if (at < 0 || outputAt < 0) return undefined
  const end = at + quoted.length - 1
  const { until, volatileRest } = volatileRestOf(input, end, volatileFields)
  const modelSpan = differingSpan(input, at, renderedOutput, outputAt)
  // What differs would go out as this one piece said it.
  if (volatileRest && !modelSpan && renderedOutput.includes(volatileFields!.precededBy)) return undefined
  const [before, behind] = modelSpan
    ? [renderedOutput.slice(modelSpan.from, outputAt - at + modelSpan.until), '']
    : [renderedOutput.slice(0, outputAt + 1), renderedOutput.slice(outputAt + quoted.length - 1)]
  const head = input.slice(0, at + 1)
  const tail = input.slice(end, until)
  return {
    bytes: Buffer.from(head + tail + before + behind, 'latin1'),
    headEnd: head.length,
    tailEnd: head.length + tail.length,
    beforeEnd: head.length + tail.length + before.length,
    volatileRest,
    modelSpan,
  }
}

/** Where in a piece, whose word ends at `end`, the tail ends, and what comes then. */
const volatileRestOf = (
  input: string,
  end: number,
  volatileFields: VolatileFields | undefined,
): { until: number; volatileRest?: VolatileRest } => {
  const markerAt = volatileFields ? input.indexOf(volatileFields.precededBy, end) : -1
  if (!volatileFields || markerAt < 0) return { until: input.length }
  const { kind: what, precededBy: behind } = volatileFields
  const until = what === 'figures' ? markerAt : markerAt + behind.length
  const from = what === 'figures' ? markerAt : input.indexOf('"', until)
  return from < 0
    ? { until: input.length }
    : { until, volatileRest: { kind: what, bytes: Buffer.from(input.slice(from), 'latin1') } }
}

/** The one place of `came` before the words, which stand at these places, where `went` differs; undefined where that is not all. */
const differingSpan = (input: string, at: number, renderedOutput: string, outputAt: number): ByteSpan | undefined => {
  if (input.slice(at) !== renderedOutput.slice(outputAt)) return undefined
  const maxLength = Math.min(at, outputAt)
  let from = 0
  while (from < maxLength && input[from] === renderedOutput[from]) from++
  let suffixLength = 0
  while (
    suffixLength < maxLength - from &&
    input[at - 1 - suffixLength] === renderedOutput[outputAt - 1 - suffixLength]
  )
    suffixLength++
  return { from, until: at - suffixLength }
}
