/** What is asked and answered where documents are put in the order of their worth for a question. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import type { UnaryEgress } from '../shared/unary.ts'

export type RerankRequest = {
  model: string
  query: string
  documents: string[]
  top?: number
  /** The documents come back with their scores. */
  returns: boolean
  /** Tokens of a document that are read. */
  perDocument?: number
}

/** Best first. `units`: what the vendor charges for in place of tokens. */
export type RerankResponse = { id?: string; results: RankedDocument[]; usage?: Usage; units?: number }
export type RankedDocument = { index: number; score: number }

export type RerankEgress = UnaryEgress<RerankRequest, RerankResponse>

/** @throws GatewayError `upstream_failed` where it ranks what was not asked about */
export const rankedIn = (results: Json | undefined, { documents, top }: RerankRequest): RankedDocument[] => {
  if (!Array.isArray(results)) throw noAnswer()
  const ranked = results.map(result => {
    if (!isObject(result)) throw noAnswer()
    const { index, relevance_score: score } = result
    if (typeof index !== 'number' || typeof score !== 'number' || !(index in documents)) throw noAnswer()
    return { index, score }
  })
  return top === undefined ? ranked : ranked.slice(0, top)
}

const noAnswer = (): GatewayError => new GatewayError('upstream_failed', 'the vendor answered with no ranking')
