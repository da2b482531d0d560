/**
 * Templates of pieces of a vendor's body that are one frame each. A piece that matches is neither decoded nor parsed,
 * which saves half of the cost of a translated stream.
 */
import { isUtf8 } from 'node:buffer'
import { cutAround, maxMisses, type Surroundings, type TextDelta, type VolatileFields } from './pattern.ts'

/**
 * A piece matches if it consists of head, text and tail. Its output is before, text, behind. All four constant parts
 * lie in one buffer: they have left the processor's cache between two frames of a stream, and adjacent bytes return to
 * the cache together.
 */
type Pattern = {
  /** Head, tail, before and behind, concatenated. */
  bytes: Buffer
  /** Where the head ends in `bytes`. `tailEnd` and `beforeEnd` mark the ends of the next two parts. */
  headEnd: number
  tailEnd: number
  beforeEnd: number
  /** The part after the tail of a piece, which may differ from piece to piece. */
  volatileRest: VolatileRest | undefined
  /**
   * Set if the output equals the piece except for one span ahead of the text, the model name. `before` replaces that
   * span, and `behind` is empty.
   */
  modelSpan: ByteSpan | undefined
}
type ByteSpan = { from: number; until: number }
/** Bytes whose digits may differ, or the bytes that follow a string which may differ. */
type VolatileRest = { kind: VolatileFields['kind']; bytes: Buffer }

/** Maximum bytes of text that may be retained before it is parsed. */
const maxUnparsedBytes = 64 * 1024

export class ByteTemplate {
  #pattern: Pattern | undefined
  #misses = 0
  #retainsText = false
  /**
   * The text of the matched pieces, as bytes. `#lastPiece` is the last matched piece, whose text ends at
   * `#lastTextEnd`.
   */
  #textBuffer: Buffer = Buffer.allocUnsafe(0)
  #textLength = 0
  #lastPiece: Uint8Array | undefined
  #lastTextEnd = 0

  /** False once capturing has failed too often to be worth its cost. */
  get isCapturing(): boolean {
    return this.#misses < maxMisses
  }

  /**
   * Captures a template. `piece` is one whole frame that carried `delta` and nothing else, and `output` is what the
   * client got for it.
   */
  capture(piece: Uint8Array, delta: TextDelta, output: string): void {
    this.#pattern = patternOf(piece, delta, output)
    this.#retainsText = delta.isRetained
    this.#misses++
  }

  /**
   * The output for a piece that matches the captured template. Undefined if it does not match, or if its text needs a
   * parser.
   */
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

  /**
   * The text retained since the last call, as one piece that carries all of it and the usage of the last matched piece.
   * Clears the retained text.
   */
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

/**
 * `Buffer.prototype.copy` works on plain byte arrays. Creating a Buffer view of the piece would cost three times the
 * copy.
 */
const { copy } = Buffer.prototype

/** Where the text of a matching piece ends. -1 if the piece does not match. */
const textEndIn = ({ bytes, headEnd, tailEnd, volatileRest }: Pattern, piece: Uint8Array): number => {
  if (piece.length < tailEnd || bytes.compare(piece, 0, headEnd, 0, headEnd) !== 0) return -1
  const end = endOfString(piece, headEnd)
  const until = end + tailEnd - headEnd
  if (end <= headEnd || until > piece.length || bytes.compare(piece, end, until, headEnd, tailEnd) !== 0) return -1
  const isMatch = volatileRest ? matchesRest(volatileRest, piece, until) : until === piece.length
  return isMatch ? end : -1
}

/** A string that may differ is passed on unchanged, so it has to be ASCII, as all padding is. */
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

/** A text delta is short: a call into the runtime costs more than this loop. */
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

/**
 * The position of the closing quote. -1 if an escape or a control character comes before it. UTF-8 has no quote byte
 * inside a character.
 */
const endOfString = (piece: Uint8Array, from: number): number => {
  for (let at = from; at < piece.length; at++) {
    const byte = piece[at]!
    if (byte === QUOTE) return at
    if (byte === BACKSLASH || byte < 32) return -1
  }
  return -1
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57

/** Compares to the end of both arrays. A run of digits equals any other run of digits. */
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

/**
 * Undefined if the text cannot be located unambiguously. Text without an escape appears literally in the JSON. The
 * comparison uses Latin-1, in which a character is a byte.
 */
const patternOf = (piece: Uint8Array, delta: TextDelta, output: string): Pattern | undefined => {
  const input = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1')
  const renderedOutput = Buffer.from(output).toString('latin1')
  if (delta.text === '' || input.includes('\\') || renderedOutput.includes('\\')) return undefined
  const found = cutAround(input, renderedOutput, `"${Buffer.from(delta.text).toString('latin1')}"`)
  if (found === undefined) return undefined
  const { volatileFields } = delta
  const { tail, volatileRest } = volatileRestOf(found.tail, volatileFields)
  const modelSpan = differingSpan(found)
  // The volatile part would be sent with the value of this one piece.
  if (volatileRest && !modelSpan && renderedOutput.includes(volatileFields!.precededBy)) return undefined
  const { head } = found
  const before = modelSpan
    ? found.before.slice(modelSpan.from, found.before.length - head.length + modelSpan.until)
    : found.before
  const behind = modelSpan ? '' : found.behind
  return {
    bytes: Buffer.from(head + tail + before + behind, 'latin1'),
    headEnd: head.length,
    tailEnd: head.length + tail.length,
    beforeEnd: head.length + tail.length + before.length,
    volatileRest,
    modelSpan,
  }
}

/** Splits what follows the text of a piece into the constant tail and the volatile part behind it. */
const volatileRestOf = (
  given: string,
  volatileFields: VolatileFields | undefined,
): { tail: string; volatileRest?: VolatileRest } => {
  const markerAt = volatileFields ? given.indexOf(volatileFields.precededBy) : -1
  if (!volatileFields || markerAt < 0) return { tail: given }
  const { kind, precededBy } = volatileFields
  const until = kind === 'figures' ? markerAt : markerAt + precededBy.length
  const from = kind === 'figures' ? markerAt : given.indexOf('"', until)
  return from < 0
    ? { tail: given }
    : { tail: given.slice(0, until), volatileRest: { kind, bytes: Buffer.from(given.slice(from), 'latin1') } }
}

/**
 * The only span of the piece's head that the output has otherwise. Undefined if the output differs behind the text too.
 */
const differingSpan = ({ head, tail, before, behind }: Surroundings): ByteSpan | undefined => {
  if (tail !== behind) return undefined
  const maxLength = Math.min(head.length, before.length)
  let from = 0
  while (from < maxLength && head[from] === before[from]) from++
  let suffixLength = 0
  while (
    suffixLength < maxLength - from &&
    head[head.length - 1 - suffixLength] === before[before.length - 1 - suffixLength]
  )
    suffixLength++
  return { from, until: head.length - suffixLength }
}
