/** Addresses of Gemini's API, which name the model and what is asked of it: `/v1beta/models/<model>:streamGenerateContent?alt=sse`. */

/** `stream`: by the verb; `sse`: as events, not as a list. */
export type ModelPath = { model: string; verb: Verb; stream: boolean; sse: boolean }
const knownVerbs = [
  'generateContent',
  'streamGenerateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
] as const
export type Verb = (typeof knownVerbs)[number]

const verbs: ReadonlySet<string> = new Set(knownVerbs)

/** @param path with single slashes; the model in the answer is as the path has it, escapes included. Undefined: no such address. */
export const parseModelPath = (path: string, query: string): ModelPath | undefined => {
  const at = path.lastIndexOf('/')
  const [ending = '', verb = ''] = /(?::|%3a)(\w+)$/i.exec(path.slice(at + 1)) ?? []
  const model = verbs.has(verb) ? modelIn(path.slice(0, -ending.length)) : undefined
  if (model === undefined) return undefined
  const stream = verb === 'streamGenerateContent'
  return { model, verb: verb as Verb, stream, sse: new URLSearchParams(query).get('alt') === 'sse' }
}

/** What stands behind the version: `/v1beta/models/x`, `/v1/publishers/google/models/x`, `/v1/projects/p/locations/l/…`. */
export const modelIn = (path: string): string | undefined => {
  const version = /^(?:\/gemini)?\/v1(?:beta\d?|alpha)?\//.exec(path)
  if (version === null) return undefined
  const rest = path.slice(version[0].length)
  const prefix =
    /^(?:projects\/[^/]+\/locations\/[^/]+\/)?(?:publishers\/[^/]+\/)?(?:(?:models|tunedModels)(?:\/|%2f))+/i.exec(rest)
  const model = prefix === null ? '' : bareModel(rest.slice(prefix[0].length))
  return model === '' ? undefined : model
}

/** Clients put `models/` and `publishers/google/models/` before names that have it already. */
export const bareModel = (model: string): string =>
  model.replace(/^(?:publishers(?:\/|%2f)[^/]+?(?:\/|%2f))?models(?:\/|%2f)/i, '')
