/** Every wire format the gateway supports. */
import type { ProtocolId } from '../ir/chat.ts'
import { anthropic } from './anthropic/index.ts'
import { bedrockConverse } from './bedrock-converse/index.ts'
import { completions } from './completions/index.ts'
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
import type { AnyUnaryEgress, AnyUnaryIngress, UnaryKind } from './shared/unary.ts'

/** Protocols with both halves, translated between each other. */
export const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, anthropic, openaiResponses, gemini].map(protocol => [protocol.id, protocol]),
)

/** Protocols used only to call vendors. */
export const egressOnly: ReadonlyMap<ProtocolId, Egress> = new Map(
  [bedrockConverse].map(protocol => [protocol.id, protocol]),
)

/** Protocols used only by clients. For a vendor that supports one, the request passes through. */
const ingressOnly: ReadonlyMap<ProtocolId, Ingress & PassthroughProtocol> = new Map(
  [completions, ...translationProtocols(defaultTranslationOptions).values()].map(protocol => [protocol.id, protocol]),
)

/** Unary protocols used by clients. For a vendor that supports one, the request passes through. */
export const unaryIngresses: ReadonlyMap<ProtocolId, AnyUnaryIngress> = new Map(
  [embeddings, embedContent, batchEmbedContents, rerank].map((one): [ProtocolId, AnyUnaryIngress] => [one.id, one]),
)

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

const unaryEgressById: ReadonlyMap<ProtocolId, AnyUnaryEgress> = new Map(unaryEgresses.map(one => [one.id, one]))

/** The half of a unary protocol that calls vendors. */
export const unaryEgressOf = (id: ProtocolId): AnyUnaryEgress | undefined => unaryEgressById.get(id)

/** The kind of a unary protocol. Protocols of one kind can be translated into each other. */
export const unaryKindOf = (id: ProtocolId): UnaryKind | undefined => unaryEgressById.get(id)?.kind

/** The client half of a protocol, if it can be translated. */
export const ingressOf = (id: ProtocolId): Ingress | undefined => protocols.get(id) ?? ingressOnly.get(id)

/** The vendor half of a protocol. */
export const egressOf = (id: ProtocolId): Egress | undefined => protocols.get(id) ?? egressOnly.get(id)

/** Whether a request in the protocol `client` can be answered by a vendor that is called in the protocol `vendor`. */
export const isTranslatable = (client: ProtocolId, vendor: ProtocolId): boolean => {
  if (ingressOf(client)) return egressOf(vendor) !== undefined
  const kind = unaryKindOf(client)
  return kind !== undefined && kind === unaryKindOf(vendor)
}

/** OpenAI paths below `/v1/` that are passed through. */
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

/** Passthrough protocols, some of which can also be translated. The id is the path below `/v1/`. */
export const passthroughOnly: ReadonlyMap<ProtocolId, PassthroughProtocol> = new Map(
  passthroughPaths.map(path => [path, ingressOnly.get(path) ?? unaryIngresses.get(path) ?? openaiPass(path)]),
)
