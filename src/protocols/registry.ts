/**
 * Every wire format the gateway supports, as unions on `kind`. Two lookups: `clientProtocolOf` for the half that clients
 * use, `vendorProtocolOf` for the half that calls vendors.
 */
import type { ProtocolId } from '../ir/chat.ts'
import { anthropic } from './anthropic/index.ts'
import { bedrockConverse } from './bedrock-converse/index.ts'
import { completions } from './completions/index.ts'
import { type TokenCounter, tokenCounters } from './count-tokens.ts'
import { defaultTranslationOptions, translationProtocols } from './deepl/index.ts'
import { batchEmbedContents, embedContent } from './embeddings/gemini.ts'
import { embeddings } from './embeddings/openai.ts'
import { cohereEmbed, dashscopeEmbeddings, ollamaEmbed } from './embeddings/vendors.ts'
import { vertexEmbedContent, vertexPredict } from './embeddings/vertex.ts'
import { gemini } from './gemini/index.ts'
import { openaiChat } from './openai-chat/index.ts'
import { openaiPass } from './openai-pass/index.ts'
import { openaiResponses } from './openai-responses/index.ts'
import type { Egress, Ingress, PassthroughProtocol, Protocol } from './protocol.ts'
import { rerank } from './rerank/jina.ts'
import { cohereRerank, dashscopeRerank } from './rerank/vendors.ts'
import type { AnyUnaryEgress, AnyUnaryIngress, UnaryTask } from './shared/unary.ts'

/** A protocol in which clients call the gateway. */
export type ClientProtocol = Ingress | AnyUnaryIngress | TokenCounter | PassthroughProtocol

/** A protocol in which the gateway calls vendors. */
export type VendorProtocol = Egress | AnyUnaryEgress | TokenCounter | PassthroughProtocol

/** Chat protocols with both halves, translated between each other. */
export const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, anthropic, openaiResponses, gemini].map(protocol => [protocol.id, protocol]),
)

/** OpenAI paths below `/v1/` that are passed through. Some of them can also be translated. */
export const passthroughPaths = [
  'completions',
  'embeddings',
  'images/generations',
  'images/edits',
  'images/variations',
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
  'moderations',
  'rerank',
  'responses/compact',
] as const

/** Paths below `/v1/` of protocols with a name of their own. */
export const namedPaths = {
  'openai-chat': 'chat/completions',
  'openai-responses': 'responses',
  anthropic: 'messages',
  'anthropic/count_tokens': 'messages/count_tokens',
} as const

/** The protocols that have a fixed path below `/v1/`: the server serves them there, and the OpenAPI document lists them. */
export type ProtocolWithPath = keyof typeof namedPaths | (typeof passthroughPaths)[number]

const idByPath: ReadonlyMap<string, ProtocolId> = new Map(Object.entries(namedPaths).map(([id, path]) => [path, id]))

/** The protocol id of a name, which may also be given as a path. */
export const protocolIdOf = (name: string): ProtocolId => idByPath.get(name) ?? name

const passthroughProtocols = passthroughPaths.map(openaiPass)

const byId = <Half extends { id: ProtocolId }>(halves: readonly Half[]): ReadonlyMap<ProtocolId, Half> =>
  new Map(halves.map(half => [half.id, half]))

/** By id. A later protocol of the same id replaces an earlier one: a path that can also be translated is no mere pass. */
export const clientProtocols: ReadonlyMap<ProtocolId, ClientProtocol> = byId<ClientProtocol>([
  ...protocols.values(),
  ...tokenCounters.values(),
  ...passthroughProtocols,
  completions,
  ...translationProtocols(defaultTranslationOptions).values(),
  ...[embeddings, embedContent, batchEmbedContents, rerank].map((one): AnyUnaryIngress => one),
])

const unaryEgresses: readonly AnyUnaryEgress[] = [
  embeddings,
  batchEmbedContents,
  embedContent,
  vertexPredict,
  vertexEmbedContent,
  ollamaEmbed,
  dashscopeEmbeddings,
  cohereEmbed,
  rerank,
  cohereRerank,
  dashscopeRerank,
]

/** By id. A vendor of completions is only passed to, so its half is the pass. */
export const vendorProtocols: ReadonlyMap<ProtocolId, VendorProtocol> = byId<VendorProtocol>([
  ...protocols.values(),
  bedrockConverse,
  ...tokenCounters.values(),
  ...passthroughProtocols,
  ...unaryEgresses,
])

const responseHeaders = [...vendorProtocols.values()].flatMap(vendor => vendor.responseHeaders ?? [])
const headerNames: ReadonlySet<string> = new Set(responseHeaders.filter(name => !name.endsWith('*')))
const headerPrefixes: ReadonlySet<string> = new Set(
  responseHeaders.filter(name => name.endsWith('*')).map(name => name.slice(0, -1)),
)

/**
 * Whether a vendor's header, in lower case, tells a client something. Any protocol may name it: a vendor that speaks
 * several sends the same headers with each.
 */
export const isResponseHeader = (name: string): boolean => {
  if (headerNames.has(name)) return true
  for (const prefix of headerPrefixes) if (name.startsWith(prefix)) return true
  return false
}

const customProtocols = new Map<string, PassthroughProtocol>()

/** The protocol of a path that only the configuration names; both halves pass through. */
const customProtocolOf = (path: string): PassthroughProtocol => {
  const known = customProtocols.get(path)
  if (known) return known
  const protocol = openaiPass(path)
  customProtocols.set(path, protocol)
  return protocol
}

/** Whether no protocol of the gateway has this name. Such a path passes to hosts whose entries list it in `speaks`. */
export const isCustomPath = (name: string): boolean => {
  const id = protocolIdOf(name)
  return !clientProtocols.has(id) && !vendorProtocols.has(id)
}

/** The protocol of a client, by its id or by its path below `/v1/`. */
export const clientProtocolOf = (name: string): ClientProtocol => {
  const id = protocolIdOf(name)
  return clientProtocols.get(id) ?? customProtocolOf(id)
}

/** The protocol in which a vendor is called, by its id. */
export const vendorProtocolOf = (id: ProtocolId): VendorProtocol => vendorProtocols.get(id) ?? customProtocolOf(id)

/** The vendor half of a chat protocol. */
export const egressOf = (id: ProtocolId): Egress | undefined => {
  const vendor = vendorProtocols.get(id)
  return vendor?.kind === 'chat' ? vendor : undefined
}

/** The vendor half of a unary protocol. */
export const unaryEgressOf = (id: ProtocolId): AnyUnaryEgress | undefined => {
  const vendor = vendorProtocols.get(id)
  return vendor?.kind === 'unary' ? vendor : undefined
}

/** What a unary protocol does. */
export const unaryTaskOf = (id: ProtocolId): UnaryTask | undefined => unaryEgressOf(id)?.task

/** Whether requests of this protocol are chats. */
export const isChatProtocol = (id: ProtocolId): boolean => clientProtocols.get(id)?.kind === 'chat'

/** Whether a request in the protocol `client` can be answered by a vendor that is called in the protocol `vendor`. */
export const isTranslatable = (client: ProtocolId, vendor: ProtocolId): boolean => {
  if (isChatProtocol(client)) return egressOf(vendor) !== undefined
  const task = unaryTaskOf(client)
  return task !== undefined && task === unaryTaskOf(vendor)
}
