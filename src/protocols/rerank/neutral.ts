/** What is asked and answered where documents are put in the order of their worth for a question. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import type { UnaryEgress } from '../shared/unary.ts'

export type RerankRequest = {
  model: string
  query: string
  documents: string[]
  topN?: number
  /** The documents come back with their scores. */
  returnDocuments: boolean
  /** Tokens of a document that are read. */
  maxTokensPerDocument?: number
}

/** Best first. `units`: what the vendor charges for in place of tokens. */
export type RerankResponse = { id?: string; results: RankedDocument[]; usage?: Usage; searchUnits?: number }
export type RankedDocument = { index: number; score: number }

export type RerankEgress = UnaryEgress<RerankRequest, RerankResponse>

/** @throws GatewayError `upstream_failed` where it ranks what was not asked about */
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
