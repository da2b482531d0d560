/**
 * Frames of one stream are alike: most differ from the one before in a word. A piece of the wire that differs from one that said a word in
 * nothing but that word goes out as that one did, with a word of its own, neither decoded nor parsed: a half of what a translated stream costs.
 */
import { isUtf8 } from 'node:buffer'
import { onlyPlace } from '../protocols/openai-chat/likeness.ts'

/** What stands around the word of a piece; in `counts` figures may differ as well. */
type Pattern = { head: Buffer; tail: Buffer; counts: Buffer | undefined; out: Edit | Around }
/** Went out as it came, but for one place before the word (the model): the little that is then needed of a stream lies in the cache still. */
type Edit = { from: number; until: number; put: Uint8Array }
/** Went out in other words: what stood around its word. */
type Around = { before: Buffer; behind: Buffer }

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

const wordPut = ({ head, out }: Pattern, piece: Uint8Array, end: number): Uint8Array | undefined => {
  const put = 'put' in out ? edited(piece, out) : putBetween(piece, head.length, end, out)
  return isUtf8(put) ? put : undefined
}

const edited = (piece: Uint8Array, { from, until, put }: Edit): Uint8Array => {
  if (from === until && put.length === 0) return piece
  const text = new Uint8Array(piece.length - until + from + put.length)
  copy.call(piece, text, 0, 0, from)
  text.set(put, from)
  copy.call(piece, text, from + put.length, until, piece.length)
  return text
}

const putBetween = (piece: Uint8Array, from: number, end: number, { before, behind }: Around): Uint8Array => {
  const text = new Uint8Array(before.length + end - from + behind.length)
  text.set(before)
  copy.call(piece, text, before.length, from, end)
  text.set(behind, text.length - behind.length)
  return text
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
    out: (counted < 0 ? editBefore(came, at, went, outAt) : undefined) ?? {
      before: Buffer.from(went.slice(0, outAt + 1), 'latin1'),
      behind: Buffer.from(went.slice(outAt + said.length - 1), 'latin1'),
    },
  }
}

/** Undefined where more than one place before the words, which stand at these places, was changed. */
const editBefore = (came: string, at: number, went: string, outAt: number): Edit | undefined => {
  if (came.slice(at) !== went.slice(outAt)) return undefined
  const most = Math.min(at, outAt)
  let from = 0
  while (from < most && came[from] === went[from]) from++
  let behind = 0
  while (behind < most - from && came[at - 1 - behind] === went[outAt - 1 - behind]) behind++
  return { from, until: at - behind, put: new Uint8Array(Buffer.from(went.slice(from, outAt - behind), 'latin1')) }
}
