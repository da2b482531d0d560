/**
 * Finds any of many secrets in one pass over a text. Each spelling is found by a window of four of its bytes, and then
 * compared. The cost grows with the text and hardly with the number of secrets.
 */
import { type DecodedText, isLetterOrDigit, originOf } from './decode-escapes.ts'
import { foldTable, isBase64, type Spelling, spellingsOf } from './spellings.ts'

/** A part of the original text, in bytes of its UTF-8. */
export type ByteSpan = { start: number; end: number }

/** A spelling, and where its window begins. */
type Indexed = { spelling: Spelling; window: number }

const windowLength = 4
/** At how many places of a spelling a window is considered. */
const maxCandidates = 8

export class SecretIndex {
  /** Window → the spellings that are found by it. */
  readonly #byWindow = new Map<number, Indexed[]>()
  /** For each hash of a window, whether `#byWindow` may have it. It keeps most bytes of a text away from the map. */
  readonly #filter = new Uint8Array(1 << 16)

  static of(secrets: readonly string[]): SecretIndex {
    const index = new SecretIndex()
    for (const secret of secrets) index.add(secret)
    return index
  }

  get isEmpty(): boolean {
    return this.#byWindow.size === 0
  }

  /** Adds a secret in all its spellings. A spelling below four bytes is left out. */
  add(secret: string): void {
    for (const spelling of spellingsOf(secret)) if (spelling.bytes.length >= windowLength) this.#insert(spelling)
  }

  /** The spans of all secrets in one layer of a text, in its original bytes. They may overlap. */
  search(text: DecodedText, found: ByteSpan[]): void {
    if (this.isEmpty) return
    const { bytes, length } = text
    const filter = this.#filter
    let window = 0
    for (let at = 0; at < length; at++) {
      window = (window << 8) | foldTable[bytes[at]!]!
      if (filter[hashOf(window)] === 1 && at >= windowLength - 1)
        this.#compare(window, at - windowLength + 1, text, found)
    }
  }

  /** Prefers the window that the fewest other spellings have, because many keys begin alike. */
  #insert(spelling: Spelling): void {
    const { bytes } = spelling
    const last = bytes.length - windowLength
    const step = Math.max(1, Math.floor(last / maxCandidates))
    let best = { key: 0, at: -1, size: Number.POSITIVE_INFINITY }
    for (let at = 0; at <= last && best.size > 0; at += step) {
      const key = windowAt(bytes, at)
      const size = this.#byWindow.get(key)?.length ?? 0
      if (size < best.size) best = { key, at, size }
    }
    const indexed = { spelling, window: best.at }
    const bucket = this.#byWindow.get(best.key)
    if (bucket === undefined) this.#byWindow.set(best.key, [indexed])
    else if (!bucket.some(other => isEqual(other.spelling, spelling))) bucket.push(indexed)
    this.#filter[hashOf(best.key)] = 1
  }

  #compare(window: number, at: number, text: DecodedText, found: ByteSpan[]): void {
    for (const { spelling, window: windowStart } of this.#byWindow.get(window) ?? []) {
      const start = at - windowStart
      if (matchesAt(spelling, text, start)) found.push(spanOf(spelling, text, start))
    }
  }
}

const hashOf = (window: number): number => Math.imul(window, 0x9e3779b1) >>> 16

const windowAt = (bytes: Uint8Array, at: number): number =>
  (foldTable[bytes[at]!]! << 24) |
  (foldTable[bytes[at + 1]!]! << 16) |
  (foldTable[bytes[at + 2]!]! << 8) |
  foldTable[bytes[at + 3]!]!

const isEqual = (one: Spelling, other: Spelling): boolean =>
  one.isWord === other.isWord && Buffer.compare(one.bytes, other.bytes) === 0

const matchesAt = ({ bytes: spelling, isWord }: Spelling, { bytes, length }: DecodedText, start: number): boolean => {
  const end = start + spelling.length
  if (start < 0 || end > length) return false
  if (!isWord) {
    for (let at = 0; at < spelling.length; at++) if (foldTable[bytes[start + at]!] !== spelling[at]) return false
    return true
  }
  if (start > 0 && isLetterOrDigit(bytes[start - 1]!)) return false
  if (end < length && isLetterOrDigit(bytes[end]!)) return false
  for (let at = 0; at < spelling.length; at++) if (bytes[start + at] !== spelling[at]) return false
  return true
}

const spanOf = (
  { bytes: spelling, marginBefore, marginAfter }: Spelling,
  text: DecodedText,
  start: number,
): ByteSpan => {
  const { bytes, length } = text
  const end = start + spelling.length
  const first = marginBefore && start > 0 && isBase64(bytes[start - 1]!) ? start - 1 : start
  const last = marginAfter && end < length && isBase64(bytes[end]!) ? end + 1 : end
  return { start: originOf(text, first), end: originOf(text, last) }
}
