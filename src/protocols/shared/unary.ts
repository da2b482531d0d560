/**
 * Protocols of one question and one answer, without a stream: embeddings, reranking. A client of one is answered by a vendor of any other of
 * its kind, by way of a neutral question and a neutral answer.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { ProtocolId, Usage } from '../../ir/chat.ts'
import type { Batch, Egress, Exchange, Ingress, NoteLoss, PassthroughProtocol } from '../protocol.ts'
import type { RenderedMessage } from './translate.ts'
import { notAnAnswer } from './vendor-error.ts'

export type UnaryKind = 'embedding' | 'rerank'

/** The half that is spoken to vendors. */
export interface UnaryEgress<UnaryRequest, UnaryResponse> {
  readonly id: ProtocolId
  readonly kind: UnaryKind
  /** @throws GatewayError `invalid_request` where the vendor cannot be asked this. */
  renderRequest(unaryRequest: UnaryRequest, loss: NoteLoss): JsonObject
  /** `body` tells no fault of the protocol's own form; throws `upstream_failed` where it is no answer to the question. */
  parseMessage(body: JsonObject, unaryRequest: UnaryRequest, exchange: Exchange): UnaryResponse
  parseError: Egress['parseError']
  /** How many texts the vendor takes at once, where it documents a limit. */
  maxTexts?(model: string): number | undefined
}

/** The half that clients speak to us. Where vendors speak it too, it passes. */
export interface UnaryIngress<UnaryRequest, UnaryResponse> extends PassthroughProtocol {
  readonly kind: UnaryKind
  /** @throws GatewayError `invalid_request` where only this protocol can say it. */
  parseRequest(body: JsonObject, loss: NoteLoss): UnaryRequest
  renderMessage(unaryResponse: UnaryResponse, unaryRequest: UnaryRequest, exchange: Exchange): Json
  batch?: Batch
}

export type UnaryProtocol<UnaryRequest, UnaryResponse> = UnaryIngress<UnaryRequest, UnaryResponse> &
  UnaryEgress<UnaryRequest, UnaryResponse>

/** What both kinds tell beside their answer. */
export type WithUsage = { usage?: Usage }

export type AnyUnaryIngress = UnaryIngress<unknown, WithUsage>
export type AnyUnaryEgress = UnaryEgress<unknown, WithUsage>

export const isUnary = (protocol: Ingress | PassthroughProtocol): protocol is AnyUnaryIngress => 'kind' in protocol

/** The client's request as the vendor takes it. @throws GatewayError `invalid_request` where it cannot be said */
export const translateUnaryRequest = (
  client: AnyUnaryIngress,
  vendor: AnyUnaryEgress,
  body: JsonObject,
  model: string,
  loss: NoteLoss,
): JsonObject => {
  const unaryRequest = client.parseRequest(body, loss) as object
  return vendor.renderRequest({ ...unaryRequest, model }, loss)
}

/** The vendor's answer as the client's. @throws GatewayError the fault it tells, `upstream_failed` where it is none */
export const translateUnaryResponse = (
  client: AnyUnaryIngress,
  vendor: AnyUnaryEgress,
  text: string,
  exchange: Exchange,
): RenderedMessage => {
  const body = parseJson(text)
  if (!isObject(body)) throw notAnAnswer(text, exchange)
  const unaryRequest = client.parseRequest(exchange.clientRequest ?? {}, () => undefined)
  const unaryResponse = vendor.parseMessage(body, unaryRequest, exchange)
  const rendered = JSON.stringify(client.renderMessage(unaryResponse, unaryRequest, exchange))
  return { body: rendered, ...(unaryResponse.usage && { usage: unaryResponse.usage }) }
}

/** A whole answer never comes in frames. */
export const rejectStream = (): never => {
  throw new GatewayError('internal', 'this is answered whole')
}
