/**
 * Undoes one layer of the escapes that may spell a text: percent-encoding, the escapes of JSON and of program source,
 * and HTML character references. Each decoded byte knows where it was written, so that a secret can be replaced there.
 */

/**
 * Text as UTF-8. Byte `at` was written at byte `origin[at]` of the original text, and the last one ends at
 * `originLength`. Without `origin` this is the original text itself.
 */
export type DecodedText = { bytes: Buffer; length: number; origin: Int32Array | undefined; originLength: number }

/** One escape: the code point or byte that it stands for, and its length in bytes. */
type Escape = { value: number; isByte: boolean; length: number }

const percent = 0x25
const ampersand = 0x26
const backslash = 0x5c
const hash = 0x23

/** The original text as a layer: nothing is decoded yet. */
export const originalText = (text: string): DecodedText => {
  const bytes = Buffer.from(text)
  return { bytes, length: bytes.length, origin: undefined, originLength: bytes.length }
}

/** Where byte `at` of a layer was written in the original text. */
export const originOf = ({ origin, length, originLength }: DecodedText, at: number): number => {
  if (at >= length) return originLength
  return origin === undefined ? at : origin[at]!
}

/** The kinds of escapes, as bits. */
const kindOf: Readonly<Record<number, number>> = { [percent]: 1, [backslash]: 2, [ampersand]: 4 }
const allKinds = 1 | 2 | 4
/**
 * In which order nested escapes are undone: each step undoes the first of these kinds that occurs. If one kind of escape
 * spells parts of another, which one is the outer one cannot be seen, so a text of several kinds is read in each order.
 */
const orders: readonly (readonly number[])[] = [
  ...[
    [1, 2, 4],
    [1, 4, 2],
    [2, 1, 4],
  ],
  ...[
    [2, 4, 1],
    [4, 1, 2],
    [4, 2, 1],
  ],
]
/** In bytes. A longer text is read in one order only, because the others cost six times as much. */
const maxMixedLength = 256 * 1024
/** So many steps are taken in each order: an error in JSON, in an error in JSON, in a URL. */
const maxSteps = 7

/** Calls `visit` with a text and with everything that it may spell. Linear in its length. */
export const visitLayers = (text: DecodedText, visit: (layer: DecodedText) => void): void => {
  visit(text)
  const kinds = visitInOrder(text, [allKinds], visit)
  const hasSeveralKinds = (kinds & (kinds - 1)) !== 0
  if (!hasSeveralKinds || text.length > maxMixedLength) return
  const distinct = new Map(
    orders.map(order => order.filter(kind => (kind & kinds) !== 0)).map(order => [`${order}`, order]),
  )
  for (const order of distinct.values()) visitInOrder(text, order, visit)
}

/** Returns the kinds of escapes that were undone. */
const visitInOrder = (text: DecodedText, order: readonly number[], visit: (layer: DecodedText) => void): number => {
  let kinds = 0
  let layer = text
  for (let step = 0; step < maxSteps; step++) {
    const found = decodeFirst(layer, order)
    if (found === undefined) break
    kinds |= found.kinds
    layer = found.layer
    visit(layer)
  }
  return kinds
}

type Decoded = { layer: DecodedText; kinds: number }

const decodeFirst = (text: DecodedText, order: readonly number[]): Decoded | undefined => {
  for (const kinds of order) {
    const decoded = decodeEscapes(text, kinds)
    if (decoded !== undefined) return decoded
  }
  return undefined
}

/** The text with the escapes of some kinds undone once, or undefined if it has none. */
const decodeEscapes = (text: DecodedText, kinds: number): Decoded | undefined => {
  const { bytes, length } = text
  let at = nextEscape(bytes, 0, length, kinds)
  if (at === length) return undefined
  const writer = new LayerWriter(text)
  let found = 0
  writer.copy(0, at)
  while (at < length) {
    const escaped = escapeAt(bytes, at, length)
    const end = escaped === undefined ? at + 1 : at + escaped.length
    if (escaped === undefined) writer.copy(at, end)
    else {
      writer.write(escaped, at)
      found |= kindOf[bytes[at]!]!
    }
    at = nextEscape(bytes, end, length, kinds)
    writer.copy(end, at)
  }
  return found === 0 ? undefined : { layer: writer.layer(), kinds: found }
}

const nextEscape = (bytes: Uint8Array, from: number, length: number, kinds: number): number => {
  for (let at = from; at < length; at++) {
    const byte = bytes[at]!
    if ((byte === backslash || byte === percent || byte === ampersand) && (kindOf[byte]! & kinds) !== 0) return at
  }
  return length
}

/** Collects decoded bytes. An escape is at least as long as the UTF-8 that it stands for, so the layer never grows. */
class LayerWriter {
  readonly #bytes: Buffer
  readonly #origin: Int32Array
  #length = 0

  constructor(private readonly source: DecodedText) {
    this.#bytes = Buffer.allocUnsafe(source.length)
    this.#origin = new Int32Array(source.length)
  }

  copy(from: number, until: number): void {
    const { bytes, origin } = this.source
    for (let at = from; at < until; at++) {
      this.#bytes[this.#length] = bytes[at]!
      this.#origin[this.#length++] = origin === undefined ? at : origin[at]!
    }
  }

  write({ value, isByte }: Escape, at: number): void {
    const origin = originOf(this.source, at)
    for (const byte of isByte ? [value] : utf8Of(value)) this.#put(byte, origin)
  }

  layer(): DecodedText {
    return {
      bytes: this.#bytes,
      length: this.#length,
      origin: this.#origin,
      originLength: this.source.originLength,
    }
  }

  #put(byte: number, origin: number): void {
    this.#bytes[this.#length] = byte
    this.#origin[this.#length++] = origin
  }
}

/** The bytes of a code point. Half a surrogate pair gets three bytes, as if it were one. */
const utf8Of = (value: number): number[] => {
  if (value < 0x80) return [value]
  const last = 0x80 | (value & 0x3f)
  if (value < 0x800) return [0xc0 | (value >> 6), last]
  const middle = 0x80 | ((value >> 6) & 0x3f)
  if (value < 0x10000) return [0xe0 | (value >> 12), middle, last]
  return [0xf0 | (value >> 18), 0x80 | ((value >> 12) & 0x3f), middle, last]
}

const escapeAt = (bytes: Uint8Array, at: number, length: number): Escape | undefined => {
  const byte = bytes[at]
  if (byte === percent) return percentEscape(bytes, at, length)
  return byte === backslash ? backslashEscape(bytes, at, length) : characterReference(bytes, at, length)
}

/** `%2F`, and `%u002F` of the old function `escape`. */
const percentEscape = (bytes: Uint8Array, at: number, length: number): Escape | undefined => {
  const byte = hexNumber(bytes, at + 1, at + 3, length)
  if (byte !== undefined) return { value: byte, isByte: true, length: 3 }
  if (lowerCase(bytes[at + 1]) !== letter('u')) return undefined
  const unit = hexNumber(bytes, at + 2, at + 6, length)
  return unit === undefined ? undefined : { value: unit, isByte: false, length: 6 }
}

const letter = (character: string): number => character.charCodeAt(0)

const controlEscapes: Readonly<Record<number, number>> = Object.fromEntries(
  [...'bfnrtv'].map((name, index) => [letter(name), [8, 12, 10, 13, 9, 11][index]!]),
)

/**
 * Escapes in a text that was written in upper case are undone as well: secrets are compared without regard to case.
 */
const lowerCase = (byte = 0): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)

/** `\u002F`, `\u{2F}`, `\x2F`, `\057`, `\n`, and `\/`: a backslash before any other ASCII mark stands for the mark. */
const backslashEscape = (bytes: Uint8Array, at: number, length: number): Escape | undefined => {
  if (at + 1 >= length) return undefined
  const next = lowerCase(bytes[at + 1])
  if (next === letter('u')) return unicodeEscape(bytes, at, length)
  if (next === letter('x')) {
    const value = hexNumber(bytes, at + 2, at + 4, length)
    return value === undefined ? undefined : { value, isByte: false, length: 4 }
  }
  const control = controlEscapes[next]
  if (control !== undefined) return { value: control, isByte: false, length: 2 }
  if (next === percent || next === ampersand) {
    // `\\&#x78;41` is `\\x41` once the reference is undone, so the backslash has to stay until then.
    const isEscape = escapeAt(bytes, at + 1, length) !== undefined
    return isEscape ? undefined : { value: next, isByte: false, length: 2 }
  }
  if (isMark(next)) return { value: next, isByte: false, length: 2 }
  const octal = numberAt(bytes, at + 1, at + 4, length, 8)
  return octal === undefined || octal > 0xff ? undefined : { value: octal, isByte: false, length: 4 }
}

const isMark = (byte: number): boolean => byte > 0x20 && byte < 0x7f && !isLetterOrDigit(byte)

/** Whether a byte is an ASCII letter or digit. */
export const isLetterOrDigit = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)

const unicodeEscape = (bytes: Uint8Array, at: number, length: number): Escape | undefined => {
  if (bytes[at + 2] === letter('{')) {
    const end = bytes.subarray(at + 3, Math.min(length, at + 10)).indexOf(letter('}'))
    const value = end < 1 ? undefined : hexNumber(bytes, at + 3, at + 3 + end, length)
    return value === undefined || value > 0x10ffff ? undefined : { value, isByte: false, length: end + 4 }
  }
  const unit = hexNumber(bytes, at + 2, at + 6, length)
  if (unit === undefined) return undefined
  const isHighSurrogate = unit >= 0xd800 && unit < 0xdc00
  const low =
    isHighSurrogate && bytes[at + 6] === backslash && bytes[at + 7] === letter('u')
      ? hexNumber(bytes, at + 8, at + 12, length)
      : undefined
  if (low === undefined || low < 0xdc00 || low > 0xdfff) return { value: unit, isByte: false, length: 6 }
  return { value: 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), isByte: false, length: 12 }
}

/** The named references of HTML for the ASCII marks, and the longest of these names. */
const namedReferences: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...{ quot: '"', amp: '&', apos: "'", lt: '<', gt: '>', sol: '/', bsol: '\\', plus: '+', equals: '=', colon: ':' },
    ...{ semi: ';', comma: ',', period: '.', excl: '!', quest: '?', num: '#', dollar: '$', percnt: '%', ast: '*' },
    ...{ lpar: '(', rpar: ')', lsqb: '[', rsqb: ']', lbrack: '[', rbrack: ']', lcub: '{', rcub: '}', lbrace: '{' },
    ...{ rbrace: '}', commat: '@', lowbar: '_', Hat: '^', grave: '`', verbar: '|', vert: '|', midast: '*' },
  }).map(([name, mark]) => [name, letter(mark)]),
)
const longestName = 6

/**
 * `&quot;`, `&#34;`, `&#x22;`. A number without its semicolon is none, because its other digits may be escaped
 * themselves.
 */
const characterReference = (bytes: Uint8Array, at: number, length: number): Escape | undefined => {
  if (bytes[at + 1] !== hash) {
    const end = bytes.subarray(at + 1, Math.min(length, at + 2 + longestName)).indexOf(letter(';'))
    const name = end < 1 ? '' : String.fromCharCode(...bytes.subarray(at + 1, at + 1 + end))
    const value = namedReferences.get(name) ?? namedReferences.get(name.toLowerCase())
    return value === undefined ? undefined : { value, isByte: false, length: end + 2 }
  }
  const isHex = lowerCase(bytes[at + 2]) === letter('x')
  const start = at + (isHex ? 3 : 2)
  const base = isHex ? 16 : 10
  let end = start
  while (end < Math.min(length, start + 8) && digitOf(bytes[end]!) < base) end++
  const value = end === start ? undefined : numberAt(bytes, start, end, length, base)
  if (value === undefined || value > 0x10ffff || end >= length || bytes[end] !== letter(';')) return undefined
  return { value, isByte: false, length: end - at + 1 }
}

const hexNumber = (bytes: Uint8Array, from: number, until: number, length: number): number | undefined =>
  numberAt(bytes, from, until, length, 16)

/** The number whose digits are exactly the bytes of a span; undefined if one of them is no digit of `base`. */
const numberAt = (bytes: Uint8Array, from: number, until: number, length: number, base: number): number | undefined => {
  if (until > length) return undefined
  let value = 0
  for (let at = from; at < until; at++) {
    const digit = digitOf(bytes[at]!)
    if (digit >= base) return undefined
    value = value * base + digit
  }
  return value
}

/** The value of a hexadecimal digit; 99 for any other byte. */
const digitOf = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 99
}
