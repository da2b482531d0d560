/** Keeps secrets out of everything that leaves the process: the configured ones, and what looks like a key. */

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

const keyPattern = /\b(?:sk|gsk|xai|nvapi|pplx|r8|hf)[-_][\w.…-]{8,}/

/**
 * A query parameter that signs a URL or names the signer: AWS, Google, Azure, Alibaba, Tencent, Volcengine, Baidu,
 * Huawei.
 */
const signedUrlPattern =
  /[?&;](?:x-(?:amz|goog|oss|cos|tos|bce|obs)-(?:signature|credential|security-token)|(?:q-)?signature|q-ak|sig|(?:aws|oss|obs)?accesskeyid|googleaccessid)=/i

/** Whether the text may contain something that `redactKeyLike` redacts. */
export const mayHoldKey = (text: string): boolean =>
  text.includes('***') || keyPattern.test(text) || signedUrlPattern.test(text)

/**
 * Redacts keys that a vendor shows masked (`sk-ab****yz`), text that looks like a key, and the query of a signed URL.
 * Linear: each word is examined at most twice.
 */
export const redactKeyLike = (text: string): string =>
  text
    .replace(/[^\s"'`,;:<>()[\]{}\\]+/g, match => (match.includes('***') || keyPattern.test(match) ? '***' : match))
    .replace(/[^\s"'<>\\]+/g, match =>
      signedUrlPattern.test(match) ? `${match.slice(0, match.indexOf('?') + 1)}***` : match,
    )
