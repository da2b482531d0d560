/** Which address is which protocol. */
import type { Operation } from './gateway.ts'
import { anthropicCount, geminiCount } from './protocols/count.ts'
import { type Manner, translators } from './protocols/deepl/index.ts'
import { namedIn } from './protocols/gemini/address.ts'
import { geminiList } from './protocols/gemini/list.ts'
import { passOnly, protocols } from './protocols/index.ts'
import type { Ingress, PassOnly } from './protocols/protocol.ts'
import { singleClients } from './protocols/singles.ts'

const chat = protocols.get('openai-chat')!
const responses = protocols.get('openai-responses')!
const messages = protocols.get('anthropic')!

/** Address → protocol. What only passes lives at `/v1/<its id>`. */
export const operations: ReadonlyMap<string, Ingress | PassOnly> = new Map<string, Ingress | PassOnly>([
  ['/v1/chat/completions', chat],
  ['/chat/completions', chat],
  ['/v1/responses', responses],
  ['/responses', responses],
  ['/v1/messages', messages],
  ['/messages', messages],
  ['/v1/messages/count_tokens', anthropicCount],
  ['/messages/count_tokens', anthropicCount],
  ...[...passOnly].map(([id, protocol]): [string, PassOnly] => [`/v1/${id}`, protocol]),
])

/** Addresses of translations, in the manner that is configured: DeepLX's, DeepL's. */
const translations: Readonly<Record<string, string>> = {
  '/translate': 'deeplx',
  '/v1/translate': 'deeplx',
  '/v2/translate': 'deepl',
}

export const translationAt = (path: string, manner: Manner | undefined, query: string): Operation | undefined => {
  const protocol = manner && translators(manner).get(translations[path] ?? '')
  return protocol && { protocol, query }
}

/** Addresses of Gemini's API name the model and say whether to stream: as events with `alt=sse`, else as one JSON list. */
export const generationIn = (path: string, query: string): Operation | undefined => {
  const named = namedIn(path, query)
  if (named === undefined) return undefined
  const { model, verb, stream, sse } = named
  const single = singleClients.get(`gemini/${verb}`)
  if (single) return { protocol: single, model, stream, query }
  if (verb === 'countTokens') return { protocol: geminiCount, model, stream, query }
  return { protocol: stream && !sse ? geminiList : protocols.get('gemini')!, model, stream, query }
}
