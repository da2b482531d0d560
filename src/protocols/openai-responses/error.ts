/** Faults told inside an answer. Refusals have OpenAI's one envelope: see openai-chat/error.ts. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { renderError } from '../openai-chat/error.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom } from '../shared/vendor-error.ts'

/** What an `error` event or a failed answer says, however deep it says it → our error, with the status its code stands for. */
export const parseFault = (body: JsonObject, exchange: Pick<Exchange, 'redact'>): GatewayError => {
  const response = isObject(body.response) ? body.response : body
  const error = isObject(response.error) ? response.error : errorFields(response)
  return faultFrom({ error }, exchange)
}

/** An event whose fields are the error's own; its `type` is the event's. */
const errorFields = ({ code, message, param }: JsonObject): JsonObject => ({
  message: textOf(message) ?? 'the vendor failed without a word',
  ...(typeof code === 'string' && { code }),
  ...(typeof param === 'string' && { param }),
})

/**
 * The `error` event. Its fields stand at the top, as they are documented, and under `error`, where OpenAI puts them and its SDK looks
 * (the stream of a 429 in the recordings, 2026-11).
 */
export const renderErrorEvent = (error: GatewayError, sequence: number): JsonObject => {
  const { error: errorBody } = renderError(error) as { error: JsonObject }
  const { code, message, param } = errorBody
  return { type: 'error', sequence_number: sequence, code, message, param, error: errorBody }
}

/** The `error` of a failed answer: its code is OpenAI's word for a class of faults. */
export const renderFailure = (error: GatewayError): Json => {
  const { error: errorBody } = renderError(error) as { error: JsonObject }
  return { code: errorBody.code ?? 'server_error', message: errorBody.message! }
}

/** A stream that ended without its last event. */
export const streamCut = (): GatewayError => new GatewayError('upstream_failed', "the vendor's stream was cut")
