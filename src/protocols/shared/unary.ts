/**
 * Protocols of one question and one answer, without a stream: embeddings, reranking. A client of one is answered by a vendor of any other of
 * its kind, by way of a neutral question and a neutral answer.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { ProtocolId, Usage } from '../../ir/chat.ts'
import type { Batch, Egress, Exchange, Ingress, NoteLoss, PassthroughProtocol } from '../protocol.ts'
import type { Told } from './translate.ts'
import { nonsense } from './vendor-error.ts'

export type Kind = 'embedding' | 'rerank'

/** The half that is spoken to vendors. */
export interface SingleVendor<Ask, Answer> {
  readonly id: ProtocolId
  readonly kind: Kind
  /** @throws GatewayError `invalid_request` where the vendor cannot be asked this. */
  renderRequest(ask: Ask, loss: NoteLoss): JsonObject
  /** `body` tells no fault of the protocol's own form; throws `upstream_failed` where it is no answer to the question. */
  parseMessage(body: JsonObject, ask: Ask, exchange: Exchange): Answer
  parseError: Egress['parseError']
  /** How many texts the vendor takes at once, where it documents a limit. */
  maxTexts?(model: string): number | undefined
}

/** The half that clients speak to us. Where vendors speak it too, it passes. */
export interface SingleClient<Ask, Answer> extends PassthroughProtocol {
  readonly kind: Kind
  /** @throws GatewayError `invalid_request` where only this protocol can say it. */
  parseRequest(body: JsonObject, loss: NoteLoss): Ask
  renderMessage(answer: Answer, ask: Ask, exchange: Exchange): Json
  batch?: Batch
}

export type Single<Ask, Answer> = SingleClient<Ask, Answer> & SingleVendor<Ask, Answer>

/** What both kinds tell beside their answer. */
export type Counted = { usage?: Usage }

export type AnyClient = SingleClient<unknown, Counted>
export type AnyVendor = SingleVendor<unknown, Counted>

export const isSingle = (protocol: Ingress | PassthroughProtocol): protocol is AnyClient => 'kind' in protocol

/** The client's request as the vendor takes it. @throws GatewayError `invalid_request` where it cannot be said */
export const translateAsk = (
  client: AnyClient,
  vendor: AnyVendor,
  body: JsonObject,
  model: string,
  loss: NoteLoss,
): JsonObject => {
  const ask = client.parseRequest(body, loss) as object
  return vendor.renderRequest({ ...ask, model }, loss)
}

/** The vendor's answer as the client's. @throws GatewayError the fault it tells, `upstream_failed` where it is none */
export const translateAnswer = (client: AnyClient, vendor: AnyVendor, text: string, exchange: Exchange): Told => {
  const body = parseJson(text)
  if (!isObject(body)) throw nonsense(text, exchange)
  const ask = client.parseRequest(exchange.clientRequest ?? {}, () => undefined)
  const answer = vendor.parseMessage(body, ask, exchange)
  const told = JSON.stringify(client.renderMessage(answer, ask, exchange))
  return { body: told, ...(answer.usage && { usage: answer.usage }) }
}

/** A whole answer never comes in frames. */
export const neverStreamed = (): never => {
  throw new GatewayError('internal', 'this is answered whole')
}
