/** Every error code as a client of each protocol sees it, and every error that a vendor may name. */
import { describe, expect, test } from 'bun:test'
import { type ErrorCode, GatewayError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json/json.ts'
import { faultFrom as anthropicFaultFrom } from '../../src/protocols/anthropic/error.ts'
import { faultFrom as converseFaultFrom } from '../../src/protocols/bedrock-converse/error.ts'
import { parseFault } from '../../src/protocols/openai-responses/error.ts'
import { egressOf, protocols } from '../../src/protocols/registry.ts'
import { faultFrom, isErrorBody } from '../../src/protocols/shared/vendor-error.ts'

const exchange = { redact: (text: string) => text }
const rendered = (protocol: string, error: GatewayError) =>
  (protocols.get(protocol)!.renderError(error) as { error: JsonObject }).error

// Anthropic: platform.claude.com/docs/en/api/errors; OpenAI: platform.openai.com/docs/guides/error-codes;
// Google: cloud.google.com/apis/design/errors.
const codes: readonly (readonly [ErrorCode, string, string, string | null, string])[] = [
  ['invalid_request', 'invalid_request_error', 'invalid_request_error', null, 'INVALID_ARGUMENT'],
  ['unauthorized', 'authentication_error', 'invalid_request_error', 'invalid_api_key', 'UNAUTHENTICATED'],
  ['forbidden', 'permission_error', 'invalid_request_error', 'model_not_allowed', 'PERMISSION_DENIED'],
  ['access_denied', 'permission_error', 'invalid_request_error', 'access_denied', 'PERMISSION_DENIED'],
  ['model_not_found', 'not_found_error', 'invalid_request_error', 'model_not_found', 'NOT_FOUND'],
  ['not_found', 'not_found_error', 'invalid_request_error', 'not_found', 'NOT_FOUND'],
  ['method_not_allowed', 'invalid_request_error', 'invalid_request_error', 'method_not_allowed', 'UNIMPLEMENTED'],
  ['too_large', 'request_too_large', 'invalid_request_error', 'request_too_large', 'INVALID_ARGUMENT'],
  ['too_many_values', 'request_too_large', 'invalid_request_error', 'too_many_values', 'INVALID_ARGUMENT'],
  ['limited', 'rate_limit_error', 'rate_limit_error', 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED'],
  ['cancelled', 'invalid_request_error', 'invalid_request_error', 'cancelled', 'CANCELLED'],
  ['internal', 'api_error', 'server_error', 'internal_error', 'INTERNAL'],
  ['upstream_refused', 'invalid_request_error', 'invalid_request_error', null, 'INVALID_ARGUMENT'],
  ['upstream_limited', 'rate_limit_error', 'rate_limit_error', 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED'],
  ['upstream_credentials', 'api_error', 'server_error', 'upstream_credentials', 'UNAVAILABLE'],
  ['upstream_failed', 'api_error', 'server_error', 'upstream_failed', 'UNAVAILABLE'],
  ['upstream_timeout', 'timeout_error', 'server_error', 'upstream_timeout', 'DEADLINE_EXCEEDED'],
  ['unavailable', 'overloaded_error', 'server_error', 'unavailable', 'UNAVAILABLE'],
]

describe('a client sees', () => {
  test.each(codes)('%s in Messages as %s, in OpenAI as %s with the code %s, in Gemini as %s', (...row) => {
    const [code, anthropicType, openaiType, openaiCode, googleStatus] = row
    const error = new GatewayError(code, 'words')
    expect(rendered('anthropic', error)).toEqual({ type: anthropicType, message: 'words' })
    for (const protocol of ['openai-chat', 'openai-responses'])
      expect(rendered(protocol, error)).toEqual({ message: 'words', type: openaiType, param: null, code: openaiCode })
    expect(rendered('gemini', error)).toEqual({
      code: error.status,
      message: 'words',
      status: googleStatus,
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: code.toUpperCase(), domain: 'simple-one-api' },
      ],
    })
  })
})

describe('a status that a vendor refuses with reaches a Messages client as', () => {
  test.each([
    [400, 'invalid_request_error'],
    [404, 'not_found_error'],
    [409, 'conflict_error'],
    [413, 'request_too_large'],
    [415, 'invalid_request_error'],
    [422, 'invalid_request_error'],
  ])('%d: %s', (status, type) =>
    expect(rendered('anthropic', new GatewayError('upstream_refused', 'words', { status }))['type']).toBe(type),
  )
  test('overloaded_error if it is 529, and api_error if it is another 5xx', () => {
    const typeOf = (status: number) =>
      rendered('anthropic', new GatewayError('upstream_failed', 'words', { status }))['type']
    expect([529, 500, 503, 504].map(typeOf)).toEqual(['overloaded_error', 'api_error', 'api_error', 'api_error'])
  })
})

describe('a type of Anthropic’s own errors', () => {
  const types = [
    ['invalid_request_error', 'upstream_refused', 400],
    ['authentication_error', 'upstream_credentials', 502],
    ['billing_error', 'upstream_credentials', 502],
    ['permission_error', 'upstream_credentials', 502],
    ['not_found_error', 'upstream_refused', 404],
    ['conflict_error', 'upstream_refused', 409],
    ['request_too_large', 'upstream_refused', 413],
    ['rate_limit_error', 'upstream_limited', 429],
    ['api_error', 'upstream_failed', 500],
    ['timeout_error', 'upstream_failed', 504],
    ['overloaded_error', 'upstream_failed', 529],
    ['invented_error', 'upstream_failed', 502],
    ['constructor', 'upstream_failed', 502],
  ] as const
  test.each(types)('%s inside an answer is %s with status %d', (type, code, status) => {
    const error = anthropicFaultFrom({ type: 'error', error: { type, message: 'words' } }, exchange)
    expect([error.code, error.status]).toEqual([code, status])
  })

  test.each(types.slice(0, -2))('%s of another vendor is shown to a Messages client as it is', type =>
    expect(rendered('anthropic', new GatewayError('upstream_failed', 'words', { vendorType: type }))['type']).toBe(
      type,
    ),
  )
  test.each(['server_error', 'constructor', 'toString'])('is not %s: a Messages client sees ours', vendorType =>
    expect(rendered('anthropic', new GatewayError('upstream_failed', 'words', { vendorType }))['type']).toBe(
      'api_error',
    ),
  )
})

describe('a status reaches a Gemini client as', () => {
  // https://cloud.google.com/apis/design/errors#handling_errors
  test.each([
    [400, 'INVALID_ARGUMENT'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [405, 'UNIMPLEMENTED'],
    [409, 'ABORTED'],
    [413, 'INVALID_ARGUMENT'],
    [422, 'INVALID_ARGUMENT'],
    [429, 'RESOURCE_EXHAUSTED'],
    [499, 'CANCELLED'],
    [500, 'INTERNAL'],
    [501, 'UNIMPLEMENTED'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
    [529, 'INTERNAL'],
  ])('%d: %s', (status, name) =>
    expect(rendered('gemini', new GatewayError('upstream_refused', 'words', { status }))['status']).toBe(name),
  )

  test.each([
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    'NOT_FOUND',
    'UNIMPLEMENTED',
    'ABORTED',
    'RESOURCE_EXHAUSTED',
    'CANCELLED',
    'INTERNAL',
    'UNAVAILABLE',
    'DEADLINE_EXCEEDED',
  ])('a status, so %s of a vendor is not repeated as a reason', vendorCode => {
    const error = rendered('gemini', new GatewayError('upstream_failed', 'words', { vendorCode }))
    expect(error).toMatchObject({ details: [{ reason: 'UPSTREAM_FAILED' }] })
  })

  test('a reason, if it is a code of the vendor’s own', () => {
    const error = rendered('gemini', new GatewayError('upstream_failed', 'words', { vendorCode: 'quota' }))
    expect(error).toMatchObject({ details: [{ reason: 'QUOTA' }] })
  })
})

describe('an exception of AWS', () => {
  // docs.aws.amazon.com, API_runtime_ConverseStream and "Common errors".
  const exceptions = [
    ['AccessDeniedException', 'upstream_credentials', 502],
    ['ExpiredTokenException', 'upstream_credentials', 502],
    ['InvalidSignatureException', 'upstream_credentials', 502],
    ['UnrecognizedClientException', 'upstream_credentials', 502],
    ['ResourceNotFoundException', 'upstream_refused', 404],
    ['ModelTimeoutException', 'upstream_timeout', 504],
    ['ModelNotReadyException', 'upstream_limited', 429],
    ['ServiceQuotaExceededException', 'upstream_limited', 429],
    ['ThrottlingException', 'upstream_limited', 429],
    ['TooManyRequestsException', 'upstream_limited', 429],
    ['ValidationException', 'upstream_refused', 400],
    ['InternalServerException', 'upstream_failed', 500],
    ['InternalServerError', 'upstream_failed', 500],
    ['ServiceUnavailableException', 'upstream_failed', 503],
    ['ModelErrorException', 'upstream_failed', 502],
    ['ModelStreamErrorException', 'upstream_failed', 502],
    ['InventedException', 'upstream_failed', 502],
  ] as const
  test.each(exceptions)('%s in a stream is %s with status %d', (name, code, status) => {
    for (const written of [name, name.charAt(0).toLowerCase() + name.slice(1)]) {
      const error = converseFaultFrom(written, '{"message":"words"}', exchange)
      expect([error.code, error.status]).toEqual([code, status])
      expect(error.detail.vendorCode).toBe(code === 'upstream_credentials' ? undefined : name)
    }
  })

  test.each([
    ['ModelNotReadyException', 424, 'upstream_limited', 429],
    ['ServiceQuotaExceededException', 400, 'upstream_limited', 429],
    ['ThrottlingException', 400, 'upstream_limited', 429],
    ['TooManyRequestsException', 503, 'upstream_limited', 429],
    ['ValidationException', 400, 'upstream_refused', 400],
    ['ModelErrorException', 424, 'upstream_failed', 502],
    ['ResourceNotFoundException', 404, 'upstream_refused', 404],
    ['AccessDeniedException', 403, 'upstream_credentials', 502],
    ['ModelTimeoutException', 408, 'upstream_timeout', 504],
    ['InternalServerException', 500, 'upstream_failed', 500],
  ] as const)('%s with status %d is %s', (name, sent, code, status) => {
    for (const header of [name, `${name}:http://internal.amazon.com/coral/`, `com.amazon.coral.service#${name}`]) {
      const headers = new Headers({ 'x-amzn-errortype': header })
      const error = egressOf('bedrock-converse')!.parseError(sent, headers, '{"message":"words"}', exchange)
      expect([error.code, error.status]).toEqual([code, status])
      expect(error.detail.vendorCode).toBe(code === 'upstream_credentials' ? undefined : name)
    }
  })
})

describe('a body that is no JSON', () => {
  const message = (text: string) => egressOf('openai-chat')!.parseError(502, new Headers(), text, exchange).message

  // html.spec.whatwg.org 9.2.6: the fields of an event stream, and a comment.
  test.each(['data: x', 'event: x', 'id: 7', 'retry: 7', ': x', '\n data: x'])('%j is an event stream', text =>
    expect(message(text)).toBe('the vendor answered HTTP 502 with an event stream'),
  )
  test.each([
    ['<html>', 'the vendor answered HTTP 502 with HTML'],
    ['{"a": ', 'the vendor answered HTTP 502 with JSON that is no answer'],
    ['[1, ', 'the vendor answered HTTP 502 with JSON that is no answer'],
    [' \n', 'the vendor answered HTTP 502 without a body'],
    ['datas: x', 'datas: x'],
    ['identity: x', 'identity: x'],
    ['x'.repeat(600), 'x'.repeat(500)],
  ])('%j gives the message %j', (text, words) => expect(message(text)).toBe(words))

  test('but whose line of an event is JSON is read', () => {
    expect(message('event: error\ndata: {"error":{"message":"words"}}')).toBe('words')
    expect(message('data: no\ndata: {"message":"words"}')).toBe('words')
  })
  test('is not longer than 2000 characters as a message', () =>
    expect(message(JSON.stringify({ error: { message: 'x'.repeat(3000) } })).length).toBe(2000))
  test('has the first message that is not empty', () =>
    expect(message(JSON.stringify({ error: { message: '', msg: 'words', detail: 'other' } }))).toBe('words'))
})

describe('the body of a vendor’s error', () => {
  const vendorBody = { error: { message: 'words', type: 't', param: null, code: 'c', extra: 1 } }
  const google = { error: { code: 400, message: 'words', status: 'INVALID_ARGUMENT', extra: 1 } }

  test('reaches a client of the same protocol as it came, and another client in the form of its own', () => {
    const fromOpenAi = egressOf('openai-chat')!.parseError(400, new Headers(), JSON.stringify(vendorBody), exchange)
    expect(protocols.get('openai-chat')!.renderError(fromOpenAi)).toEqual(vendorBody)
    expect(rendered('anthropic', fromOpenAi)).toEqual({ type: 'invalid_request_error', message: 'words' })
    const fromGoogle = egressOf('gemini')!.parseError(400, new Headers(), JSON.stringify(google), exchange)
    expect(protocols.get('gemini')!.renderError(fromGoogle)).toEqual(google)
    expect(rendered('openai-chat', fromGoogle)).not.toHaveProperty('extra')
  })

  test('of Gemini is not kept if it is none of Google’s, or about our credentials', () => {
    const plain = egressOf('gemini')!.parseError(500, new Headers(), 'words', exchange)
    expect([plain.message, plain.detail.body]).toEqual(['words', undefined])
    const refused = egressOf('gemini')!.parseError(403, new Headers(), JSON.stringify(google), exchange)
    expect([refused.code, refused.detail.body]).toEqual(['upstream_credentials', undefined])
  })

  test('of AWS without the name of an exception gives no code', () => {
    const { detail } = egressOf('bedrock-converse')!.parseError(400, new Headers(), '{"message":"words"}', exchange)
    expect(detail).not.toHaveProperty('vendorCode')
  })
})

describe('an error inside an answer of status 200', () => {
  test.each([
    [{ error: { message: 'words', type: 'rate_limit_error' } }, 'upstream_limited', 429],
    [{ error: { message: 'words', code: 'rate_limit_exceeded' } }, 'upstream_limited', 429],
    [{ error: { message: 'words', code: 'insufficient_quota' } }, 'upstream_limited', 429],
    [{ error: { message: 'words', type: 'invalid_request_error' } }, 'upstream_refused', 400],
    [{ error: { message: 'words', type: 'server_error' } }, 'upstream_failed', 502],
    [{ error: { message: 'words', code: 'server_error' } }, 'upstream_failed', 502],
    [{ error: { message: 'words', code: 429 } }, 'upstream_limited', 429],
    [{ error: { message: 'words', code: '503' } }, 'upstream_failed', 503],
    [{ error: { message: 'words', status: 404 } }, 'upstream_refused', 404],
    [{ error: { message: 'words' }, status: 404 }, 'upstream_refused', 404],
    [{ error: { message: 'words' }, status_code: 404 }, 'upstream_refused', 404],
    [{ object: 'error', message: 'words', raw_status_code: 422 }, 'upstream_refused', 422],
    [{ error: { message: 'words', code: 399 } }, 'upstream_failed', 502],
    [{ error: { message: 'words', code: 400 } }, 'upstream_refused', 400],
    [{ error: { message: 'words', code: 599 } }, 'upstream_failed', 599],
    [{ error: { message: 'words', code: 600 } }, 'upstream_failed', 502],
    [{ error: { message: 'words', code: 401 } }, 'upstream_credentials', 502],
  ] as const)('%j is %s with status %d', (body, code, status) => {
    const error = faultFrom(body, exchange)
    expect([error.code, error.status]).toEqual([code, status])
  })

  test.each([
    ['error', { error: { message: 'no' } }],
    ['error, a text', { error: 'no' }],
    ['error, a list', { error: ['no'] }],
    ['error of a choice', { choices: [{}, { error: { message: 'no' } }] }],
    ['base_resp', { base_resp: { status_code: 1002 } }],
    ['object', { object: 'error' }],
    ['error_code', { error_code: 17 }],
    ['errors', { errors: [{ message: 'no' }] }],
    ['code and message', { code: 10012, message: 'no' }],
    ['code and msg', { code: '1', msg: 'no' }],
  ])('is reported by %s', (_name, body) => expect(isErrorBody(body)).toBe(true))

  test.each([
    ['an error that is null', { error: null }],
    ['an error that is false', { error: false }],
    ['an empty error', { error: {} }],
    ['an empty list of errors', { error: [], errors: [] }],
    ['an error that is no text', { error: '' }],
    ['an error of 0', { error: 0, error_code: 0 }],
    ['a success of base_resp', { base_resp: { status_code: 0, status_msg: 'success' } }],
    ['a base_resp without a status', { base_resp: {} }],
    ['a code of 0', { code: 0, message: 'Success' }],
    ['a code of "0"', { code: '0', msg: 'ok' }],
    ['a code without words', { code: 10012 }],
    ['words without a code', { message: 'hello' }],
    ['a code beside choices', { code: 10012, message: 'no', choices: [{}] }],
    ['a choice whose error is null', { choices: [{ error: null }, 'x'] }],
    ['another object', { object: 'list' }],
  ])('is not reported by %s', (_name, body) => expect(isErrorBody(body)).toBe(false))

  test.each([
    [{ type: 'error', code: 'rate_limit_exceeded', message: 'words', param: null }, 'upstream_limited', 'words'],
    [{ type: 'error', error: { code: 'server_error', message: 'words' } }, 'upstream_failed', 'words'],
    [{ response: { error: { code: 'insufficient_quota', message: 'words' } } }, 'upstream_limited', 'words'],
    [{ response: { status: 'failed', error: null } }, 'upstream_failed', 'the vendor failed and gave no reason'],
    [{ type: 'error', code: 7, message: 7, param: 7 }, 'upstream_failed', 'the vendor failed and gave no reason'],
  ] as const)('of Responses, %j, is %s', (body, code, message) => {
    const error = parseFault(body, exchange)
    expect([error.code, error.message]).toEqual([code, message])
  })
})

describe('a status of a vendor', () => {
  const parse = (status: number, message = 'words') =>
    egressOf('openai-chat')!.parseError(status, new Headers(), JSON.stringify({ error: { message } }), exchange)

  test.each([300, 301, 302, 303, 304, 305, 306, 307, 308, 399])('of %d is a redirect that is not followed', status => {
    const error = parse(status)
    expect([error.code, error.status, error.message]).toEqual([
      'upstream_failed',
      502,
      `the vendor redirects (HTTP ${status}); check the address of the service`,
    ])
  })

  test.each([
    [199, 'upstream_failed', 502],
    [299, 'upstream_failed', 502],
    [401, 'upstream_credentials', 502],
    [402, 'upstream_credentials', 502],
    [403, 'upstream_credentials', 502],
    [408, 'upstream_timeout', 504],
    [410, 'upstream_refused', 404],
    [429, 'upstream_limited', 429],
    [499, 'upstream_refused', 499],
    [599, 'upstream_failed', 599],
    [600, 'upstream_failed', 502],
  ] as const)('of %d is %s with status %d', (sent, code, status) => {
    const error = parse(sent)
    expect([error.code, error.status]).toEqual([code, status])
  })

  test.each([
    'Incorrect API key provided: x',
    'invalid api_key',
    'Missing API-Key in the header',
    'Invalid apikey',
    'API key not valid. Please pass a valid API key.',
    'the api key you gave is invalid',
    'api-key is incorrect',
  ])('of 400 with the words %j is about credentials', message =>
    expect(parse(400, message).code).toBe('upstream_credentials'),
  )
  test.each(['no such model', 'key not valid', 'invalid parameter', 'the keyboard of the api is not valid'])(
    'of 400 with the words %j is about the request',
    message => expect(parse(400, message).code).toBe('upstream_refused'),
  )
  test('of 404 with words about a key is about the request', () =>
    expect(parse(404, 'invalid api key').code).toBe('upstream_refused'))
})
