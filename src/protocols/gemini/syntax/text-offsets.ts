/**
 * Offsets in bytes of UTF-8 ↔ offsets in characters (UTF-16 code units) of one text. The text is read once, however many
 * offsets are converted.
 */

/** The length of a stretch of the text after which both offsets are kept. */
const stretch = 1024

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff

export class TextOffsets {
  readonly #text: string
  /** Both offsets at the beginning of each stretch. A stretch does not begin inside a character. */
  readonly #chars: number[] = [0]
  readonly #bytes: number[] = [0]

  constructor(text: string) {
    this.#text = text
    for (let from = 0; from < text.length; ) {
      const end = from + stretch
      const until = isLowSurrogate(text.charCodeAt(end)) ? end + 1 : end
      this.#bytes.push(this.#bytes.at(-1)! + Buffer.byteLength(text.slice(from, until)))
      this.#chars.push(Math.min(until, text.length))
      from = until
    }
  }

  /** The characters that the first `bytes` bytes hold. */
  charsIn(bytes: number): number {
    const at = lastNotAbove(this.#bytes, bytes)
    const from = this.#chars[at]!
    const rest = Buffer.from(this.#text.slice(from, this.#chars[at + 1]))
    return from + rest.subarray(0, bytes - this.#bytes[at]!).toString().length
  }

  /** The bytes that the first `chars` characters take. */
  bytesIn(chars: number): number {
    const at = lastNotAbove(this.#chars, chars)
    return this.#bytes[at]! + Buffer.byteLength(this.#text.slice(this.#chars[at], chars))
  }
}

/** The index of the last number that is not above `limit`, in a list in ascending order that begins with 0. */
const lastNotAbove = (numbers: readonly number[], limit: number): number => {
  let low = 0
  let high = numbers.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (numbers[middle]! <= limit) low = middle
    else high = middle - 1
  }
  return low
}
