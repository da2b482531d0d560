/** Maps paths to protocols. */
import type { CompiledConfig } from '../config/compiled.ts'
import type { Operation } from '../gateway/handle.ts'
import { anthropicCount, geminiCount } from '../protocols/count-tokens.ts'
import { isCustomPath } from '../protocols/custom-paths.ts'
import { type TranslationOptions, translationProtocols } from '../protocols/deepl/index.ts'
import { geminiJsonArray } from '../protocols/gemini/json-array.ts'
import { parseModelPath } from '../protocols/gemini/syntax/model-path.ts'
import { openaiPass } from '../protocols/openai-pass/index.ts'
import type { Ingress, PassthroughProtocol } from '../protocols/protocol.ts'
import { passthroughOnly, protocols, unaryIngresses } from '../protocols/registry.ts'
import type { Entry } from '../providers/entry.ts'

const chat = protocols.get('openai-chat')!
const responses = protocols.get('openai-responses')!
const messages = protocols.get('anthropic')!

/** Protocol by path. A passthrough-only protocol is at `/v1/<its id>`. */
export const operations: ReadonlyMap<string, Ingress | PassthroughProtocol> = new Map<
  string,
  Ingress | PassthroughProtocol
>([
  ['/v1/chat/completions', chat],
  ['/chat/completions', chat],
  ['/v1/responses', responses],
  ['/responses', responses],
  ['/v1/messages', messages],
  ['/messages', messages],
  ['/v1/messages/count_tokens', anthropicCount],
  ['/messages/count_tokens', anthropicCount],
  ...[...passthroughOnly].map(([id, protocol]): [string, PassthroughProtocol] => [`/v1/${id}`, protocol]),
])

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
const customPaths = new WeakMap<readonly Entry[], ReadonlyMap<string, PassthroughProtocol>>()

const customPathsOf = (entries: readonly Entry[]): ReadonlyMap<string, PassthroughProtocol> => {
  const cached = customPaths.get(entries)
  if (cached) return cached
  const names = new Set(entries.flatMap(({ supportedProtocols = [] }) => supportedProtocols).filter(isCustomPath))
  const paths = new Map([...names].map((name): [string, PassthroughProtocol] => [`/v1/${name}`, openaiPass(name)]))
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
  const unaryIngress = unaryIngresses.get(`gemini/${verb}`)
  if (unaryIngress) return { protocol: unaryIngress, model, stream, query }
  if (verb === 'countTokens') return { protocol: geminiCount, model, stream, query }
  return { protocol: stream && !sse ? geminiJsonArray : protocols.get('gemini')!, model, stream, query }
}
