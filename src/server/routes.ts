/** Maps paths to protocols. */
import type { CompiledConfig } from '../config/compiled.ts'
import type { Operation } from '../gateway/handle.ts'
import { type TranslationOptions, translationProtocols } from '../protocols/deepl/index.ts'
import { geminiJsonArray } from '../protocols/gemini/json-array.ts'
import { parseModelPath } from '../protocols/gemini/syntax/model-path.ts'
import {
  type ClientProtocol,
  clientProtocolOf,
  clientProtocols,
  isCustomPath,
  namedPaths,
  passthroughPaths,
} from '../protocols/registry.ts'
import type { Entry } from '../providers/entry.ts'

/** Protocol by path. A path with a protocol of its own is also found without `/v1`. */
export const operations: ReadonlyMap<string, ClientProtocol> = new Map(
  [
    ...Object.values(namedPaths).flatMap(path => [`/v1/${path}`, `/${path}`]),
    ...passthroughPaths.map(path => `/v1/${path}`),
  ].map((path): [string, ClientProtocol] => [path, clientProtocolOf(path.replace(/^\/(?:v1\/)?/, ''))]),
)

/** Paths of the configured translation service: DeepLX's and DeepL's. */
const translationPaths: Readonly<Record<string, string>> = {
  '/translate': 'deeplx',
  '/v1/translate': 'deeplx',
  '/v2/translate': 'deepl',
}

const translationAt = (
  path: string,
  translation: TranslationOptions | undefined,
  query: string,
): Operation | undefined => {
  const protocol = translation && translationProtocols(translation).get(translationPaths[path] ?? '')
  return protocol && { protocol, query }
}

/** The paths that only the entries of a configuration name, by configuration. Computed on first use. */
const customPaths = new WeakMap<readonly Entry[], ReadonlyMap<string, ClientProtocol>>()

const customPathsOf = (entries: readonly Entry[]): ReadonlyMap<string, ClientProtocol> => {
  const cached = customPaths.get(entries)
  if (cached) return cached
  const names = new Set(entries.flatMap(({ supportedProtocols = [] }) => supportedProtocols).filter(isCustomPath))
  const paths = new Map([...names].map((name): [string, ClientProtocol] => [`/v1/${name}`, clientProtocolOf(name)]))
  customPaths.set(entries, paths)
  return paths
}

/** Paths that depend on the configuration: translations, and paths named by an entry's `speaks`. */
export const configuredOperation = (
  path: string,
  { translation, entries }: Pick<CompiledConfig, 'translation' | 'entries'>,
  query: string,
): Operation | undefined => {
  const translated = translationAt(path, translation, query)
  const protocol = translated ? undefined : customPathsOf(entries).get(path)
  return protocol ? { protocol, query } : translated
}

/**
 * Paths of Gemini's API name the model and say whether to stream: as events with `alt=sse`, otherwise as one JSON list.
 */
export const geminiOperation = (path: string, query: string): Operation | undefined => {
  const geminiPath = parseModelPath(path, query)
  if (geminiPath === undefined) return undefined
  const { model, verb, stream, sse } = geminiPath
  const named = clientProtocols.get(`gemini/${verb}`)
  if (named) return { protocol: named, model, stream, query }
  return { protocol: stream && !sse ? geminiJsonArray : clientProtocolOf('gemini'), model, stream, query }
}
