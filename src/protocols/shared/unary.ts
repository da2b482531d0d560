/**
 * Unary protocols: one request and one answer, never streamed (embeddings, reranking). A client of one protocol can be
 * answered by a vendor of any other protocol of the same task, through a neutral request and a neutral answer.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import type { Batch, ClientHalf, Exchange, NoteLoss, VendorHalf } from '../protocol.ts'
import type { RenderedMessage } from './translate.ts'
import { notAnAnswer } from './vendor-error.ts'

/** What a unary protocol does. Protocols of one task can be translated into each other. */
export type UnaryTask = 'embedding' | 'rerank'

/** The half that calls vendors. */
export interface UnaryEgress<UnaryRequest, UnaryResponse> extends VendorHalf {
  readonly kind: 'unary'
  readonly task: UnaryTask
  /** @throws GatewayError `invalid_request` if the vendor cannot serve this request */
  renderRequest(unaryRequest: UnaryRequest, loss: NoteLoss): JsonObject
  /** @throws GatewayError the error that `body` reports, or `upstream_failed` if it does not answer the request */
  parseMessage(body: JsonObject, unaryRequest: UnaryRequest, exchange: Exchange): UnaryResponse
  /** How many texts the vendor accepts in one request, if it documents a limit. */
  maxTexts?(model: string): number | undefined
}

/** The half used by clients. For a vendor that supports the same protocol, the request passes through. */
interface UnaryIngress<UnaryRequest, UnaryResponse> extends ClientHalf {
  readonly kind: 'unary'
  readonly task: UnaryTask
  /** @throws GatewayError `invalid_request` if only this protocol can express the request */
  parseRequest(body: JsonObject, loss: NoteLoss): UnaryRequest
  renderMessage(unaryResponse: UnaryResponse, unaryRequest: UnaryRequest, exchange: Exchange): Json
  batch?: Batch
}

export type UnaryProtocol<UnaryRequest, UnaryResponse> = UnaryIngress<UnaryRequest, UnaryResponse> &
  UnaryEgress<UnaryRequest, UnaryResponse>

/** What answers of both tasks carry besides their content. */
type WithUsage = { usage?: Usage }

export type AnyUnaryIngress = UnaryIngress<unknown, WithUsage>
export type AnyUnaryEgress = UnaryEgress<unknown, WithUsage>

/**
 * Translates the client's request for the vendor.
 * @throws GatewayError `invalid_request` if it cannot be expressed
 */
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

/**
 * Translates the vendor's answer for the client.
 * @throws GatewayError the error the answer reports, or `upstream_failed` if it is not an answer
 */
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

/**
 * A unary answer is never streamed.
 * @throws GatewayError `internal`, always
 */
export const rejectStream = (): never => {
  throw new GatewayError('internal', 'this is answered whole')
}
