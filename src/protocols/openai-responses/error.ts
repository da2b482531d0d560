/** Errors inside an answer. An error response uses the error envelope of OpenAI: see openai-chat/error.ts. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { renderError } from '../openai-chat/error.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom } from '../shared/vendor-error.ts'

/**
 * Parses an `error` event or a failed answer, at whatever depth it holds the error. The status of the result follows
 * from the code.
 */
export const parseFault = (body: JsonObject, exchange: Pick<Exchange, 'redact' | 'failureCodes'>): GatewayError => {
  const response = isObject(body.response) ? body.response : body
  const error = isObject(response.error) ? response.error : errorFields(response)
  return faultFrom({ error }, exchange)
}

/** Reads an event whose own fields are those of the error. Its `type` is the type of the event, not of the error. */
const errorFields = ({ code, message, param }: JsonObject): JsonObject => ({
  message: textOf(message) ?? 'the vendor failed and gave no reason',
  ...(typeof code === 'string' && { code }),
  ...(typeof param === 'string' && { param }),
})

/**
 * Renders the `error` event. The fields of the error are at the top level, as documented, and also under `error`, where
 * OpenAI puts them and where its SDK looks (the stream of a 429 in the recordings, 2026-11).
 */
export const renderErrorEvent = (error: GatewayError, sequence: number): JsonObject => {
  const { error: errorBody } = renderError(error) as { error: JsonObject }
  const { code, message, param } = errorBody
  return { type: 'error', sequence_number: sequence, code, message, param, error: errorBody }
}

/** Renders the `error` of a failed answer. Its code is OpenAI's name for a class of errors. */
export const renderFailure = (error: GatewayError): Json => {
  const { error: errorBody } = renderError(error) as { error: JsonObject }
  return { code: errorBody.code ?? 'server_error', message: errorBody.message! }
}

/** The error for a stream that ended without a final event. */
export const streamCut = (): GatewayError => new GatewayError('upstream_failed', "the vendor's stream was cut")
