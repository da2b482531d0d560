/**
 * Paths of Gemini's API, which contain the model and the method:
 * `/v1beta/models/<model>:streamGenerateContent?alt=sse`.
 */

/** `stream`: the method streams. `sse`: the stream is sent as server-sent events, not as a JSON array. */
type ModelPath = { model: string; verb: Verb; stream: boolean; sse: boolean }
const knownVerbs = [
  'generateContent',
  'streamGenerateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
] as const
export type Verb = (typeof knownVerbs)[number]

const verbs: ReadonlySet<string> = new Set(knownVerbs)

/**
 * Parses a path. Undefined if it is not a path of this API.
 * @param path with single slashes; escapes in the model are kept
 */
export const parseModelPath = (path: string, query: string): ModelPath | undefined => {
  const at = path.lastIndexOf('/')
  const [ending = '', verb = ''] = /(?::|%3a)(\w+)$/i.exec(path.slice(at + 1)) ?? []
  const model = verbs.has(verb) ? modelIn(path.slice(0, -ending.length)) : undefined
  if (model === undefined) return undefined
  const stream = verb === 'streamGenerateContent'
  return { model, verb: verb as Verb, stream, sse: new URLSearchParams(query).get('alt') === 'sse' }
}

/**
 * Returns the model of a path such as `/v1beta/models/x`, `/v1/publishers/google/models/x`,
 * `/v1/projects/p/locations/l/…`.
 */
const modelIn = (path: string): string | undefined => {
  const version = /^(?:\/gemini)?\/v1(?:beta\d?|alpha)?\//.exec(path)
  if (version === null) return undefined
  const rest = path.slice(version[0].length)
  const prefix =
    /^(?:projects\/[^/]+\/locations\/[^/]+\/)?(?:publishers\/[^/]+\/)?(?:(?:models|tunedModels)(?:\/|%2f))+/i.exec(rest)
  const model = prefix === null ? '' : bareModel(rest.slice(prefix[0].length))
  return model === '' ? undefined : model
}

/** Removes `models/` and `publishers/google/models/`, which clients add to names that already start with them. */
export const bareModel = (model: string): string =>
  model.replace(/^(?:publishers(?:\/|%2f)[^/]+?(?:\/|%2f))?models(?:\/|%2f)/i, '')
