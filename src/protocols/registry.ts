/** Every wire format the gateway knows. */
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

/** Spoken and translated. */
export const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, anthropic, openaiResponses, gemini].map(protocol => [protocol.id, protocol]),
)

/** Spoken to vendors only. */
export const egressOnly: ReadonlyMap<ProtocolId, Egress> = new Map(
  [bedrockConverse].map(protocol => [protocol.id, protocol]),
)

/** Spoken to us only: a vendor that knows it is passed to. */
const ingressOnly: ReadonlyMap<ProtocolId, Ingress & PassthroughProtocol> = new Map(
  [completions, ...translationProtocols(defaultTranslationOptions).values()].map(protocol => [protocol.id, protocol]),
)

/** Spoken to us; vendors that know them are passed to. */
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

/** The half that is spoken to vendors. */
export const unaryEgressOf = (id: ProtocolId): AnyUnaryEgress | undefined => unaryEgressById.get(id)

/** What is asked in a protocol of one question: all of a kind understand each other. */
export const unaryKindOf = (id: ProtocolId): UnaryKind | undefined => unaryEgressById.get(id)?.kind

/** The half of a protocol that clients speak, where it can be translated. */
export const ingressOf = (id: ProtocolId): Ingress | undefined => protocols.get(id) ?? ingressOnly.get(id)

/** The half of a protocol that is spoken to vendors. */
export const egressOf = (id: ProtocolId): Egress | undefined => protocols.get(id) ?? egressOnly.get(id)

/** Can a client of one protocol be answered by a vendor that is asked in another. */
export const isTranslatable = (client: ProtocolId, vendor: ProtocolId): boolean => {
  if (ingressOf(client)) return egressOf(vendor) !== undefined
  const kind = unaryKindOf(client)
  return kind !== undefined && kind === unaryKindOf(vendor)
}

/** Paths of OpenAI that only pass, below `/v1/`. */
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

/** Passed, and translated at most; the id is the path below `/v1/`. */
export const passthroughOnly: ReadonlyMap<ProtocolId, PassthroughProtocol> = new Map(
  passthroughPaths.map(path => [path, ingressOnly.get(path) ?? unaryIngresses.get(path) ?? openaiPass(path)]),
)
