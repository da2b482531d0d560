/** Keeps secrets out of everything that leaves the process. */

export type Redact = (text: string) => string

const mark = '•••'

/**
 * A function that blots out every secret of the configuration, also as it looks inside JSON, in a URL and in base64 (Basic authorisation).
 * Costs a scan of the text: for errors and logs, never for content.
 */
export const createRedact = (secrets: readonly string[]): Redact => {
  const forms = new Set(secrets.flatMap(formsOf))
  if (forms.size === 0) return text => text
  const longestFirst = [...forms].sort((one, other) => other.length - one.length)
  const pattern = new RegExp(longestFirst.map(literal).join('|'), 'g')
  const holds = (text: string) => longestFirst.some(form => text.includes(form))
  return text => {
    const plain = text.includes('\\u') || text.includes('\\/') ? spelledOut(text) : text
    if (plain !== text && holds(plain)) return plain.replace(pattern, mark)
    return holds(text) ? text.replace(pattern, mark) : text
  }
}

/** JSON may spell any character as `\u0041`, and a slash as `\/`: the same JSON in its shortest spelling. */
const spelledOut = (text: string): string =>
  text.replace(/\\(?:u([0-9a-f]{4})|.)/gis, (spelled, code: string | undefined) => {
    if (code === undefined) return spelled === '\\/' ? '/' : spelled
    const letter = String.fromCharCode(Number.parseInt(code, 16))
    if (letter < ' ') return spelled
    return letter === '"' || letter === '\\' ? `\\${letter}` : letter
  })

const formsOf = (secret: string): string[] => {
  const json = JSON.stringify(secret).slice(1, -1)
  return [secret, json, json.replaceAll('/', '\\/'), encodeURIComponent(secret), encodeURI(secret), base64(secret)]
}

const base64 = (text: string): string => Buffer.from(text).toString('base64').replace(/=+$/, '')
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
