/** The neutral request and answer of reranking: sorting documents by relevance to a query. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import type { UnaryEgress } from '../shared/unary.ts'

export type RerankRequest = {
  model: string
  query: string
  documents: string[]
  topN?: number
  /** Whether the documents are returned with their scores. */
  returnDocuments: boolean
  /** How many tokens of each document are read. */
  maxTokensPerDocument?: number
}

/** Best result first. `searchUnits`: what the vendor charges for in place of tokens. */
export type RerankResponse = { id?: string; results: RankedDocument[]; usage?: Usage; searchUnits?: number }
type RankedDocument = { index: number; score: number }

export type RerankEgress = UnaryEgress<RerankRequest, RerankResponse>

/** @throws GatewayError `upstream_failed` if it is not a ranking or names a document that was not sent */
export const parseRanking = (results: Json | undefined, { documents, topN }: RerankRequest): RankedDocument[] => {
  if (!Array.isArray(results)) throw noRanking()
  const ranked = results.map(result => {
    if (!isObject(result)) throw noRanking()
    const { index, relevance_score: score } = result
    if (typeof index !== 'number' || typeof score !== 'number' || !(index in documents)) throw noRanking()
    return { index, score }
  })
  return topN === undefined ? ranked : ranked.slice(0, topN)
}

const noRanking = (): GatewayError => new GatewayError('upstream_failed', 'the vendor answered with no ranking')
