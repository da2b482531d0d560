/** How a secret may be written, apart from escapes: as it is, as hexadecimal or decimal numbers, and in base64. */
import { isLetterOrDigit, originalText, visitLayers } from './decode-escapes.ts'

/**
 * One spelling to search for. A spelling that `isWord` is compared exactly, and only where no letter or digit adjoins.
 * Any other is `fold`ed, and so is the text. `marginBefore` and `marginAfter`: the neighbouring character of base64
 * holds some bits of the secret.
 */
export type Spelling = { bytes: Uint8Array; isWord: boolean; marginBefore: boolean; marginAfter: boolean }

/**
 * Which bytes count as equal: upper and lower case, the two alphabets of base64 (`-` and `+`, `_` and `/`), and the two
 * spellings of a space in a form (` ` and `+`).
 */
export const foldTable: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x41 && byte <= 0x5a) return byte + 0x20
  return { ' ': 0x2b, '-': 0x2b, _: 0x2f }[String.fromCharCode(byte)] ?? byte
})

/** A shorter secret, in bytes, may be a part of ordinary words. */
const minStrongLength = 8
/** A secret of fewer letters, or digits, and nothing else may be an ordinary word or number. */
const minPlainLength = 12
/** A line of a longer secret counts as a secret of its own from this length on. */
const minLineLength = 16
/**
 * Every spelling of a secret. A secret that could be a word, because it is short or consists of a few letters or digits only, is
 * searched for as a word and not in base64 or as numbers: `test` must not damage `latest`.
 */
export const spellingsOf = (secret: string): Spelling[] => {
  const forms = [secret, ...linesOf(secret)].flatMap(decodedFormsOf)
  return [...new Set(forms)].flatMap(form => (isStrong(form) ? strongSpellings(form) : [wordSpelling(form)]))
}

/** Whether a secret is so long or so mixed that no ordinary text contains it by chance. */
const isStrong = (secret: string): boolean => {
  const length = Buffer.byteLength(secret)
  return length >= minPlainLength || (length >= minStrongLength && !/^(?:[A-Za-z]*|\d*)$/.test(secret))
}

/** The lines of a key file. A vendor may repeat them with other line breaks. The first and last line are public. */
const linesOf = (secret: string): string[] =>
  /\r|\n|\\n/.test(secret)
    ? secret.split(/(?:\r|\n|\\r|\\n)+/).filter(line => line.length >= minLineLength && !line.startsWith('-----'))
    : []

/** The secret, and what remains of it if a text that contains it is decoded: it may look like an escape itself. */
const decodedFormsOf = (secret: string): string[] => {
  const forms: string[] = []
  visitLayers(originalText(secret), ({ bytes, length }) => forms.push(bytes.toString('utf8', 0, length)))
  return forms.filter(form => form.length >= Math.min(secret.length, minStrongLength))
}

const wordSpelling = (secret: string): Spelling => ({
  bytes: Buffer.from(secret),
  isWord: true,
  marginBefore: false,
  marginAfter: false,
})

const strongSpellings = (secret: string): Spelling[] => {
  const encoded = [...new Set([secret, JSON.stringify(secret).slice(1, -1), percentEncoded(secret)])]
  return [
    ...charsetsOf(secret).map(bytes => folded(bytes)),
    ...numbersOf(Buffer.from(secret)).map(text => folded(Buffer.from(text))),
    ...encoded.flatMap(form => [0, 1, 2].map(offset => base64Spelling(Buffer.from(form), offset))),
  ]
}

/** `encodeURIComponent` throws for half a surrogate pair. */
const percentEncoded = (secret: string): string => encodeURIComponent(secret.toWellFormed())

/** UTF-8, UTF-8 that was taken for Latin-1 and encoded again, and Latin-1. Equal unless the secret has an accent. */
const charsetsOf = (secret: string): Uint8Array[] => {
  const bytes = Buffer.from(secret)
  if (bytes.length === secret.length) return [bytes]
  const twice = Buffer.from(bytes.toString('latin1'))
  return /[^\x00-\xff]/.test(secret) ? [bytes, twice] : [bytes, twice, Buffer.from(secret, 'latin1')]
}

/** `736b`, `73 6b` (and `73-6b`, which folds to the same), `73:6b`, and the list of numbers that JSON makes of bytes. */
const numbersOf = (bytes: Buffer): string[] => {
  const hex = bytes.toString('hex')
  const separate = (mark: string) => hex.replace(/..(?!$)/g, `$&${mark}`)
  return [hex, separate(' '), separate(':'), bytes.join(',')]
}

const folded = (given: Uint8Array, marginBefore = false, marginAfter = false): Spelling => {
  const bytes = new Uint8Array(given.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = foldTable[given[at]!]!
  return { bytes, isWord: false, marginBefore, marginAfter }
}

/**
 * What base64 makes of `bytes` after `offset` bytes of something else, such as `Bearer `. The characters that also hold
 * bits of the neighbours are left out, and become margins.
 */
const base64Spelling = (bytes: Buffer, offset: number): Spelling => {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const hasMarginAfter = (offset + bytes.length) % 3 !== 0
  const own = text.slice(offset === 0 ? 0 : offset + 1, hasMarginAfter ? -1 : undefined)
  return folded(Buffer.from(own), offset > 0, hasMarginAfter)
}

/** Whether a byte belongs to either alphabet of base64. */
export const isBase64 = (byte: number): boolean => isLetterOrDigit(byte) || [0x2b, 0x2d, 0x2f, 0x5f].includes(byte)
