/** Spells a secret in ways that vendors, proxies and frameworks do, and reads a text as an attacker would. */

/** A generator of numbers from 0 to 1 that only depends on its seed. */
export type Random = () => number

export const randomFrom = (seed: number): Random => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!

const hexOf = (character: string, length: number, random: Random): string => {
  const digits = character.charCodeAt(0).toString(16).padStart(length, '0')
  return random() < 0.5 ? digits : digits.toUpperCase()
}

/** One way to escape. `must`: the characters that it always escapes. `escape`: how it spells a character. */
type Layer = { must: RegExp; escape: (character: string, random: Random) => string }

const namedReferences: Record<string, string> = { '"': '&quot;', '&': '&amp;', "'": '&apos;', '<': '&lt;', '>': '&gt;' }
const jsonMarks: Record<string, string> = { '"': '\\"', '\\': '\\\\', '/': '\\/' }

const layers: readonly Layer[] = [
  { must: /%/, escape: (character, random) => `%${hexOf(character, 2, random)}` },
  { must: /[^A-Za-z0-9_.!~*'()-]/, escape: (character, random) => `%${hexOf(character, 2, random)}` },
  { must: /["\\]/, escape: character => jsonMarks[character] ?? character },
  { must: /["\\/]/, escape: (character, random) => jsonMarks[character] ?? `\\u${hexOf(character, 4, random)}` },
  { must: /["\\]/, escape: (character, random) => `\\u${hexOf(character, 4, random)}` },
  { must: /["\\]/, escape: (character, random) => `\\x${hexOf(character, 2, random)}` },
  { must: /["\\]/, escape: (character, random) => `\\u{${hexOf(character, 2, random)}}` },
  { must: /["\\]/, escape: character => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}` },
  { must: /[&<>"']/, escape: character => namedReferences[character] ?? character },
  { must: /[&<>"']/, escape: (character, random) => `&#x${hexOf(character, 2, random)};` },
  { must: /[&<>"']/, escape: character => `&#${character.charCodeAt(0)};` },
]

const escapeWith = ({ must, escape: escapeOne }: Layer, text: string, random: Random): string => {
  const share = pick(random, [0, 0, 0.3, 1])
  return [...text]
    .map(character => (must.test(character) || random() < share ? escapeOne(character, random) : character))
    .join('')
}

/** The secret itself, or what encodes it as a whole, alone or between other bytes. */
const carry = (secret: string, random: Random): string => {
  const around = `${'user:Bearer '.slice(0, Math.floor(random() * 13))}${secret}${':/x'.slice(0, Math.floor(random() * 4))}`
  const bytes = Buffer.from(around)
  const pairs = bytes.toString('hex').match(/../g)!
  return pick(random, [
    ...[secret, secret, secret, `Bearer ${secret}`, secret.toLowerCase(), secret.toUpperCase()],
    ...[bytes.toString('base64'), bytes.toString('base64'), bytes.toString('base64url')],
    ...[pairs.join(''), pairs.join('').toUpperCase(), pairs.join(' '), pairs.join(':'), `[${bytes.join(',')}]`],
  ])
}

/** A random spelling of a secret: up to three layers of escapes around a carrier. */
export const spell = (secret: string, random: Random): string => {
  let text = carry(secret, random)
  for (let depth = Math.floor(random() * 4); depth > 0; depth--) text = escapeWith(pick(random, layers), text, random)
  return text
}

const references: Record<string, string> = { quot: '"', amp: '&', apos: "'", lt: '<', gt: '>' }
const controls: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v' }
const escapes =
  /%u([0-9a-f]{4})|%([0-9a-f]{2})|\\u\{([0-9a-f]+)\}|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x([0-9a-f]+);|\\([0-7]{3})|&#(\d+);|&(\w+);|\\(?!&#?\w+;|%[0-9a-f]{2}|%u[0-9a-f]{4})(.)/gis

const unescapeOnce = (text: string): string =>
  text.replace(escapes, (whole: string, ...groups: (string | undefined)[]) => {
    const hex = groups.slice(0, 6).find(group => group !== undefined)
    const [octal, decimal, name, mark] = groups.slice(6)
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    if (decimal !== undefined) return String.fromCharCode(Number(decimal))
    return name === undefined ? (controls[mark!] ?? mark!) : (references[name] ?? whole)
  })

/** What the runs of characters in a text are as base64, at each offset, and as numbers. */
const decodedRuns = (text: string): string[] => [
  ...(text.match(/[\w+/-]{12,}/g) ?? []).flatMap(run =>
    [0, 1, 2, 3].map(offset => Buffer.from(run.slice(offset), 'base64').toString('latin1')),
  ),
  ...(text.match(/(?:[0-9a-f]{2}[ :]?){8,}/gi) ?? []).map(run =>
    Buffer.from(run.replace(/[ :]/g, ''), 'hex').toString('latin1'),
  ),
  ...(text.match(/\d+(?:,\d+){7,}/g) ?? []).map(run => Buffer.from(run.split(',').map(Number)).toString('latin1')),
]

/** So many characters of a secret in a row must not be readable. */
const readableLength = 10

/** Whether a part of the secret can be read from a text, after up to five layers of escapes and one other encoding. */
export const reveals = (text: string, secret: string): boolean => {
  const folded = secret.toLowerCase()
  const parts = Array.from({ length: Math.max(1, folded.length - readableLength + 1) }, (_, at) =>
    folded.slice(at, at + readableLength),
  )
  let layer = text
  for (let depth = 0; depth < 6; depth++) {
    const readings = [layer, ...decodedRuns(layer)].map(reading => reading.toLowerCase())
    if (readings.some(reading => parts.some(part => reading.includes(part)))) return true
    const next = unescapeOnce(layer)
    if (next === layer) return false
    layer = next
  }
  return false
}
