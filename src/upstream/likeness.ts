/**
 * Frames of one stream are alike: most differ from the one before in a word. A piece of the wire that differs from one that said a word in
 * nothing but that word goes out as that one did, with a word of its own, neither decoded nor parsed: a half of what a translated stream costs.
 */
import { isUtf8 } from 'node:buffer'
import { onlyPlace } from '../protocols/openai-chat/likeness.ts'

/** Where the word stands: in what came and in what went out. In `counts` figures may differ as well. `same`: all went out as it came. */
type Pattern = {
  head: Buffer
  tail: Buffer
  counts: Buffer | undefined
  outHead: Buffer
  outTail: Buffer
  same: boolean
}

/** So many patterns in a row that no piece was like, and the stream is one whose frames are never alike. */
const mostFruitless = 32
/** Bytes of words that may be kept until they are heard. */
const mostUnheard = 64 * 1024

export class Likeness {
  #pattern: Pattern | undefined
  #fruitless = 0
  #gathers = false
  /** Words that went the short way, as bytes; `#last` is the piece that said the last of them, which ends at `#end`. */
  #words: Buffer = Buffer.allocUnsafe(0)
  #length = 0
  #last: Uint8Array | undefined
  #end = 0

  /** @param counts what counts of the answer stand behind in a frame, if they may grow from frame to frame */
  constructor(private readonly counts?: string) {}

  /** Is it worth learning. */
  get learns(): boolean {
    return this.#fruitless < mostFruitless
  }

  /** `piece`, one whole frame, said `word` and nothing else, and `out` went to the client for it. `gathers`: keep the words to come. */
  learn(piece: Uint8Array, word: string, out: string, gathers = false): void {
    this.#pattern = patternOf(piece, word, out, this.counts)
    this.#gathers = gathers
    this.#fruitless++
  }

  /** What goes out for a piece that is like the one learnt; undefined where it is not, or its word needs a reader. */
  recall(piece: Uint8Array): Uint8Array | undefined {
    const pattern = this.#pattern
    if (pattern === undefined || this.#length > mostUnheard) return undefined
    const end = endOfLike(pattern, piece)
    const put = end < 0 ? undefined : wordPut(pattern, piece, end)
    if (put === undefined) return undefined
    this.#fruitless = 0
    if (this.#gathers) this.#gather(piece, pattern.head.length, end)
    return put
  }

  /** The words kept since, as one piece that says them all and counts what the last one counted. They are not kept any longer. */
  unheard(): Uint8Array | undefined {
    if (this.#length === 0 || this.#pattern === undefined || this.#last === undefined) return undefined
    const words = this.#words.subarray(0, this.#length)
    this.#length = 0
    return Buffer.concat([this.#pattern.head, words, this.#last.subarray(this.#end)])
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
const endOfLike = ({ head, tail, counts }: Pattern, piece: Uint8Array): number => {
  const from = head.length
  if (piece.length < from + tail.length || head.compare(piece, 0, from) !== 0) return -1
  const end = endOfWord(piece, from)
  const behind = end + tail.length
  if (end <= from || behind > piece.length || tail.compare(piece, end, behind) !== 0) return -1
  const isLike = counts ? isAlikeButDigits(counts, piece, behind) : behind === piece.length
  return isLike ? end : -1
}

const wordPut = (pattern: Pattern, piece: Uint8Array, end: number): Uint8Array | undefined => {
  if (pattern.same) return isUtf8(piece) ? piece : undefined
  const { head, outHead, outTail } = pattern
  const from = head.length
  const put = new Uint8Array(outHead.length + end - from + outTail.length)
  put.set(outHead)
  copy.call(piece, put, outHead.length, from, end)
  put.set(outTail, put.length - outTail.length)
  return isUtf8(put) ? put : undefined
}

const QUOTE = 34
const BACKSLASH = 92

/** Where the quote stands; -1 where an escape comes before it, or what no JSON holds. UTF-8 has no quote inside a character. */
const endOfWord = (piece: Uint8Array, from: number): number => {
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

/** Undefined where the word cannot be told from the rest. Without an escape it stands as it is; in Latin-1 a character is a byte. */
const patternOf = (piece: Uint8Array, word: string, out: string, mark: string | undefined): Pattern | undefined => {
  const came = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1')
  const went = Buffer.from(out).toString('latin1')
  const said = `"${Buffer.from(word).toString('latin1')}"`
  if (word === '' || came.includes('\\') || went.includes('\\')) return undefined
  const at = onlyPlace(came, said)
  const outAt = onlyPlace(went, said)
  if (at < 0 || outAt < 0) return undefined
  const end = at + said.length - 1
  const counted = mark === undefined ? -1 : came.indexOf(mark, end)
  const until = counted < 0 ? came.length : counted
  return {
    head: Buffer.from(came.slice(0, at + 1), 'latin1'),
    tail: Buffer.from(came.slice(end, until), 'latin1'),
    counts: counted < 0 ? undefined : Buffer.from(came.slice(until), 'latin1'),
    outHead: Buffer.from(went.slice(0, outAt + 1), 'latin1'),
    outTail: Buffer.from(went.slice(outAt + said.length - 1), 'latin1'),
    same: came === went && counted < 0,
  }
}
