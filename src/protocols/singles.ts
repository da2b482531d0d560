/** Every protocol of one question and one answer. */
import type { ProtocolId } from '../ir/chat.ts'
import { batchEmbedContents, embedContent } from './embeddings/gemini.ts'
import { embeddings } from './embeddings/openai.ts'
import { cohereEmbed, dashscopeEmbeddings, ollamaEmbed } from './embeddings/vendors.ts'
import { vertexEmbedContent, vertexPredict } from './embeddings/vertex.ts'
import { rerank } from './rerank/jina.ts'
import { cohereRerank, dashscopeRerank } from './rerank/vendors.ts'
import type { AnyClient, AnyVendor, Kind } from './shared/unary.ts'

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
