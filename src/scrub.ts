/** Keeps secrets out of everything that leaves the process. */

export type Scrub = (text: string) => string

const mark = '•••'

/**
 * A function that blots out every secret of the configuration, also as it looks inside JSON, in a URL and in base64 (Basic authorisation).
 * Costs a scan of the text: for errors and logs, never for content.
 */
export const createScrub = (secrets: readonly string[]): Scrub => {
  const forms = new Set(secrets.flatMap(formsOf))
  if (forms.size === 0) return text => text
  const longestFirst = [...forms].sort((one, other) => other.length - one.length)
  const pattern = new RegExp(longestFirst.map(literal).join('|'), 'g')
  return text => (longestFirst.some(form => text.includes(form)) ? text.replace(pattern, mark) : text)
}

const formsOf = (secret: string): string[] => {
  const json = JSON.stringify(secret).slice(1, -1)
  return [secret, json, json.replaceAll('/', '\\/'), encodeURIComponent(secret), encodeURI(secret), base64(secret)]
}

const base64 = (text: string): string => Buffer.from(text).toString('base64').replace(/=+$/, '')
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
