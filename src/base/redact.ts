/** Keeps secrets out of everything that leaves the process. */

export type Redact = (text: string) => string

const placeholder = '•••'

/**
 * Creates a function that replaces every configured secret, also in its encodings for JSON, URLs and base64 (Basic
 * authorisation). It scans the whole text, so use it for errors and logs and never for content.
 */
export const createRedact = (secrets: readonly string[]): Redact => {
  const encodings = new Set(secrets.flatMap(encodingsOf))
  if (encodings.size === 0) return text => text
  const longestFirst = [...encodings].sort((one, other) => other.length - one.length)
  const pattern = new RegExp(longestFirst.map(escapeRegExp).join('|'), 'g')
  const containsSecret = (text: string) => longestFirst.some(encoding => text.includes(encoding))
  return text => {
    const unescaped = text.includes('\\u') || text.includes('\\/') ? unescapeJson(text) : text
    if (unescaped !== text && containsSecret(unescaped)) return unescaped.replace(pattern, placeholder)
    return containsSecret(text) ? text.replace(pattern, placeholder) : text
  }
}

/** JSON may spell any character as `\u0041` and a slash as `\/`. Returns the same JSON in its shortest spelling. */
const unescapeJson = (text: string): string =>
  text.replace(/\\(?:u([0-9a-f]{4})|.)/gis, (sequence, code: string | undefined) => {
    if (code === undefined) return sequence === '\\/' ? '/' : sequence
    const character = String.fromCharCode(Number.parseInt(code, 16))
    if (character < ' ') return sequence
    return character === '"' || character === '\\' ? `\\${character}` : character
  })

const encodingsOf = (secret: string): string[] => {
  const json = JSON.stringify(secret).slice(1, -1)
  return [secret, json, json.replaceAll('/', '\\/'), encodeURIComponent(secret), encodeURI(secret), base64(secret)]
}

const base64 = (text: string): string => Buffer.from(text).toString('base64').replace(/=+$/, '')
const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
