/** Every wire format the gateway knows. */
import type { ProtocolId } from '../ir/chat.ts'
import { anthropic } from './anthropic/index.ts'
import { bedrockConverse } from './bedrock-converse/index.ts'
import { completions } from './completions/index.ts'
import { ordinaryManner, translators } from './deepl/index.ts'
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
import type { AnyClient, AnyVendor, Kind } from './shared/unary.ts'

/** Spoken and translated. */
export const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, anthropic, openaiResponses, gemini].map(protocol => [protocol.id, protocol]),
)

/** Spoken to vendors only. */
export const vendorOnly: ReadonlyMap<ProtocolId, Egress> = new Map(
  [bedrockConverse].map(protocol => [protocol.id, protocol]),
)

/** Spoken to us only: a vendor that knows it is passed to. */
const clientOnly: ReadonlyMap<ProtocolId, Ingress & PassthroughProtocol> = new Map(
  [completions, ...translators(ordinaryManner).values()].map(protocol => [protocol.id, protocol]),
)

/** Spoken to us; vendors that know them are passed to. */
export const singleClients: ReadonlyMap<ProtocolId, AnyClient> = new Map(
  [embeddings, embedContent, batchEmbedContents, rerank].map((one): [ProtocolId, AnyClient] => [one.id, one]),
)

const vendors: readonly AnyVendor[] = [
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

const byId: ReadonlyMap<ProtocolId, AnyVendor> = new Map(vendors.map(one => [one.id, one]))

/** The half that is spoken to vendors. */
export const singleOf = (id: ProtocolId): AnyVendor | undefined => byId.get(id)

/** What is asked in a protocol of one question: all of a kind understand each other. */
export const kindOfSingle = (id: ProtocolId): Kind | undefined => byId.get(id)?.kind

/** The half of a protocol that clients speak, where it can be translated. */
export const ingressOf = (id: ProtocolId): Ingress | undefined => protocols.get(id) ?? clientOnly.get(id)

/** The half of a protocol that is spoken to vendors. */
export const egressOf = (id: ProtocolId): Egress | undefined => protocols.get(id) ?? vendorOnly.get(id)

/** Can a client of one protocol be answered by a vendor that is asked in another. */
export const isTranslatable = (client: ProtocolId, vendor: ProtocolId): boolean => {
  if (ingressOf(client)) return egressOf(vendor) !== undefined
  const kind = kindOfSingle(client)
  return kind !== undefined && kind === kindOfSingle(vendor)
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
  passthroughPaths.map(path => [path, clientOnly.get(path) ?? singleClients.get(path) ?? openaiPass(path)]),
)
