/** The gateway's errors in OpenAI's error envelope. */
import type { ErrorCode, GatewayError } from '../../base/errors.ts'
import { isObject, type Json, parseJson, textOf } from '../../base/json/json.ts'

const id = 'openai-chat'

/** Maps an error code to the type and code of the envelope: https://platform.openai.com/docs/guides/error-codes */
const openaiNames: Record<ErrorCode, readonly [type: string, code: string | null]> = {
  invalid_request: ['invalid_request_error', null],
  unauthorized: ['invalid_request_error', 'invalid_api_key'],
  forbidden: ['invalid_request_error', 'model_not_allowed'],
  access_denied: ['invalid_request_error', 'access_denied'],
  model_not_found: ['invalid_request_error', 'model_not_found'],
  not_found: ['invalid_request_error', 'not_found'],
  method_not_allowed: ['invalid_request_error', 'method_not_allowed'],
  too_large: ['invalid_request_error', 'request_too_large'],
  too_many_values: ['invalid_request_error', 'too_many_values'],
  limited: ['rate_limit_error', 'rate_limit_exceeded'],
  cancelled: ['invalid_request_error', 'cancelled'],
  internal: ['server_error', 'internal_error'],
  upstream_refused: ['invalid_request_error', null],
  upstream_limited: ['rate_limit_error', 'rate_limit_exceeded'],
  upstream_credentials: ['server_error', 'upstream_credentials'],
  upstream_failed: ['server_error', 'upstream_failed'],
  upstream_timeout: ['server_error', 'upstream_timeout'],
  unavailable: ['server_error', 'unavailable'],
}

/**
 * Renders the error body for a client. A vendor's own error body of this protocol is kept, and missing fields of the
 * envelope are filled in. A context that is too long has OpenAI's code, whatever the vendor calls it: agents shorten
 * the conversation when they read it.
 */
export const renderError = ({ code, message, detail }: GatewayError): Json => {
  const [type, openaiCode] = openaiNames[code]
  const overflow = detail.failure?.reason === 'context' ? contextOverflow : undefined
  const vendorBody = detail.body?.protocol === id ? parseJson(detail.body.text) : undefined
  if (isObject(vendorBody) && isObject(vendorBody.error)) {
    const { error } = vendorBody
    return {
      ...vendorBody,
      error: {
        ...error,
        type: textOf(error.type) ?? type,
        param: error.param ?? null,
        code: error.code ?? null,
        ...overflow,
      },
    }
  }
  return {
    error: {
      message,
      type: detail.vendorType ?? type,
      param: detail.param ?? null,
      code: detail.vendorCode ?? openaiCode,
      ...overflow,
    },
  }
}

/** https://platform.openai.com/docs/guides/error-codes */
const contextOverflow = { type: 'invalid_request_error', code: 'context_length_exceeded' }
