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
  rest: Rest | undefined
  /** Where a piece goes out as it came but for one place ahead of the word, the model's: that place, which `before` takes; `behind` is empty. */
  place: Place | undefined
}
type Place = { from: number; until: number }
/** Bytes whose figures may differ, or that end a string which may. */
type Rest = { what: VolatileFields['kind']; bytes: Buffer }

/** So many patterns in a row that no piece was like, and the stream is one whose frames are never alike. */
const mostFruitless = 32
/** Bytes of words that may be kept until they are heard. */
const mostUnheard = 64 * 1024

export class FrameTemplate {
  #pattern: Pattern | undefined
  #fruitless = 0
  #gathers = false
  /** Words that went the short way, as bytes; `#last` is the piece that said the last of them, which ends at `#end`. */
  #words: Buffer = Buffer.allocUnsafe(0)
  #length = 0
  #last: Uint8Array | undefined
  #end = 0

  /** @param volatileFields what differs from frame to frame and says nothing */
  constructor(private readonly volatileFields?: VolatileFields) {}

  /** Is it worth learning. */
  get isCapturing(): boolean {
    return this.#fruitless < mostFruitless
  }

  /** `piece`, one whole frame, said `word` and nothing else, and `out` went to the client for it. `gathers`: keep the words to come. */
  capture(piece: Uint8Array, word: string, out: string, gathers = false): void {
    this.#pattern = patternOf(piece, word, out, this.volatileFields)
    this.#gathers = gathers
    this.#fruitless++
  }

  /** What goes out for a piece that is like the one learnt; undefined where it is not, or its word needs a reader. */
  match(piece: Uint8Array): Uint8Array | undefined {
    const pattern = this.#pattern
    if (pattern === undefined || this.#length > mostUnheard) return undefined
    const end = endOfLike(pattern, piece)
    const put = end < 0 ? undefined : wordPut(pattern, piece, end)
    if (put === undefined) return undefined
    this.#fruitless = 0
    if (this.#gathers) this.#gather(piece, pattern.headEnd, end)
    return put
  }

  /** The words kept since, as one piece that says them all and counts what the last one counted. They are not kept any longer. */
  unparsed(): Uint8Array | undefined {
    const pattern = this.#pattern
    if (this.#length === 0 || pattern === undefined || this.#last === undefined) return undefined
    const words = this.#words.subarray(0, this.#length)
    this.#length = 0
    return Buffer.concat([pattern.bytes.subarray(0, pattern.headEnd), words, this.#last.subarray(this.#end)])
  }

  forget(): void {
    this.#pattern = undefined
  }

  #gather(piece: Uint8Array, from: number, end: number): void {
    const length = this.#length + end - from
    if (length > this.#words.length) this.#words = Buffer.concat([this.#words], length * 2)
    copy.call(piece, this.#words, this.#length, from, end)
    this.#length = length
    this.#last = piece
    this.#end = end
  }
}

/** A view of the piece would cost three times the copy. */
const { copy } = Buffer.prototype

/** Where the word of a piece that is like the pattern ends; -1 for any other. */
const endOfLike = ({ bytes, headEnd, tailEnd, rest }: Pattern, piece: Uint8Array): number => {
  if (piece.length < tailEnd || bytes.compare(piece, 0, headEnd, 0, headEnd) !== 0) return -1
  const end = endOfString(piece, headEnd)
  const until = end + tailEnd - headEnd
  if (end <= headEnd || until > piece.length || bytes.compare(piece, end, until, headEnd, tailEnd) !== 0) return -1
  const isLike = rest ? isRest(rest, piece, until) : until === piece.length
  return isLike ? end : -1
}

/** A string that may differ goes out as it came, so it has to be ASCII, as all padding is. */
const isRest = ({ what, bytes }: Rest, piece: Uint8Array, from: number): boolean => {
  if (what === 'figures') return isAlikeButDigits(bytes, piece, from)
  const end = endOfString(piece, from)
  return end >= from && isAscii(piece, from, end) && bytes.compare(piece, end) === 0
}

const wordPut = (pattern: Pattern, piece: Uint8Array, end: number): Uint8Array | undefined => {
  const { place } = pattern
  const put = place ? changedAt(place, pattern, piece) : putBetween(pattern, piece, end)
  return isAscii(piece, pattern.headEnd, end) || isUtf8(put) ? put : undefined
}

/** A word is short: asking the runtime costs more than looking. */
const isAscii = (piece: Uint8Array, from: number, end: number): boolean => {
  for (let at = from; at < end; at++) if (piece[at]! > 127) return false
  return true
}

const changedAt = ({ from, until }: Place, { bytes, tailEnd }: Pattern, piece: Uint8Array): Uint8Array => {
  const length = bytes.length - tailEnd
  if (from === until && length === 0) return piece
  const text = new Uint8Array(piece.length - until + from + length)
  copy.call(piece, text, 0, 0, from)
  copy.call(bytes, text, from, tailEnd)
  copy.call(piece, text, from + length, until)
  return text
}

const putBetween = (pattern: Pattern, piece: Uint8Array, end: number): Uint8Array => {
  const { bytes, headEnd, tailEnd, beforeEnd } = pattern
  const text = new Uint8Array(bytes.length - tailEnd + end - headEnd)
  const from = beforeEnd - tailEnd
  copy.call(bytes, text, 0, tailEnd, beforeEnd)
  copy.call(piece, text, from, headEnd, end)
  copy.call(bytes, text, from + end - headEnd, beforeEnd)
  return text
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
const isAlikeButDigits = (known: Uint8Array, piece: Uint8Array, from: number): boolean => {
  let at = from
  let place = 0
  while (place < known.length) {
    if (isDigit(known[place]) && isDigit(piece[at])) {
      while (isDigit(known[place])) place++
      while (isDigit(piece[at])) at++
    } else if (known[place++] !== piece[at++]) return false
  }
  return at === piece.length
}

/** Undefined where the word cannot be told from all else. Without an escape it stands as it is; in Latin-1 a character is a byte. */
const patternOf = (
  piece: Uint8Array,
  word: string,
  out: string,
  volatileFields: VolatileFields | undefined,
): Pattern | undefined => {
  const came = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1')
  const went = Buffer.from(out).toString('latin1')
  const said = `"${Buffer.from(word).toString('latin1')}"`
  if (word === '' || came.includes('\\') || went.includes('\\')) return undefined
  const at = onlyOccurrence(came, said)
  const outAt = onlyOccurrence(went, said)
  if (at < 0 || outAt < 0) return undefined
  const end = at + said.length - 1
  const { until, rest } = restOf(came, end, volatileFields)
  const place = placeBefore(came, at, went, outAt)
  // What differs would go out as this one piece said it.
  if (rest && !place && went.includes(volatileFields!.precededBy)) return undefined
  const [before, behind] = place
    ? [went.slice(place.from, outAt - at + place.until), '']
    : [went.slice(0, outAt + 1), went.slice(outAt + said.length - 1)]
  const head = came.slice(0, at + 1)
  const tail = came.slice(end, until)
  return {
    bytes: Buffer.from(head + tail + before + behind, 'latin1'),
    headEnd: head.length,
    tailEnd: head.length + tail.length,
    beforeEnd: head.length + tail.length + before.length,
    rest,
    place,
  }
}

/** Where in a piece, whose word ends at `end`, the tail ends, and what comes then. */
const restOf = (
  came: string,
  end: number,
  volatileFields: VolatileFields | undefined,
): { until: number; rest?: Rest } => {
  const mark = volatileFields ? came.indexOf(volatileFields.precededBy, end) : -1
  if (!volatileFields || mark < 0) return { until: came.length }
  const { kind: what, precededBy: behind } = volatileFields
  const until = what === 'figures' ? mark : mark + behind.length
  const from = what === 'figures' ? mark : came.indexOf('"', until)
  return from < 0 ? { until: came.length } : { until, rest: { what, bytes: Buffer.from(came.slice(from), 'latin1') } }
}

/** The one place of `came` before the words, which stand at these places, where `went` differs; undefined where that is not all. */
const placeBefore = (came: string, at: number, went: string, outAt: number): Place | undefined => {
  if (came.slice(at) !== went.slice(outAt)) return undefined
  const most = Math.min(at, outAt)
  let from = 0
  while (from < most && came[from] === went[from]) from++
  let behind = 0
  while (behind < most - from && came[at - 1 - behind] === went[outAt - 1 - behind]) behind++
  return { from, until: at - behind }
}
