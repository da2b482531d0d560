/** The table of error codes, row by row, and how anything thrown becomes one of them. */
import { describe, expect, test } from 'bun:test'
import { asGatewayError, type ErrorCode, errorCodes, GatewayError } from '../../src/base/errors.ts'

/** The codes and statuses that clients see; attempts rely on the other two columns. */
const expectedCodes = [
  ['invalid_request', 400, 'never', 'ignore'],
  ['unauthorized', 401, 'never', 'ignore'],
  ['forbidden', 403, 'never', 'ignore'],
  ['access_denied', 403, 'never', 'ignore'],
  ['model_not_found', 404, 'never', 'ignore'],
  ['not_found', 404, 'never', 'ignore'],
  ['method_not_allowed', 405, 'never', 'ignore'],
  ['too_large', 413, 'never', 'ignore'],
  ['too_many_values', 413, 'never', 'ignore'],
  ['limited', 429, 'never', 'ignore'],
  ['cancelled', 499, 'never', 'ignore'],
  ['internal', 500, 'never', 'ignore'],
  ['upstream_refused', 400, 'never', 'ignore'],
  ['upstream_limited', 429, 'elsewhere', 'count'],
  ['upstream_credentials', 502, 'elsewhere', 'trip'],
  ['upstream_failed', 502, 'again', 'count'],
  ['upstream_timeout', 504, 'elsewhere', 'count'],
  ['unavailable', 503, 'never', 'ignore'],
] as const satisfies readonly (readonly [ErrorCode, number, string, string])[]

describe('an error code', () => {
  test.each(expectedCodes)(
    '%s has the status %d, is retried %s and makes the breaker %s',
    (code, status, retry, breaker) => {
      expect(errorCodes[code]).toMatchObject({ status, retry, breaker })
      expect(errorCodes[code].description).not.toBe('')
      expect(new GatewayError(code, 'words').status).toBe(status)
      expect(new GatewayError(code, 'words', { status: 418 }).status).toBe(418)
    },
  )

  test('is one of the table', () => {
    expect(Object.keys(errorCodes).sort()).toEqual(expectedCodes.map(([code]) => code as string).sort())
  })
})

describe('anything thrown', () => {
  test('that is a GatewayError stays as it is', () => {
    const error = new GatewayError('limited', 'words', { retryAfter: 1 })
    expect(asGatewayError(error)).toBe(error)
    expect([error.name, error.message]).toEqual(['GatewayError', 'words'])
  })

  test('by code that recursed too deeply is the fault of the body', () => {
    const error = asGatewayError(new RangeError('Maximum call stack size exceeded.'))
    expect([error.code, error.message]).toEqual(['invalid_request', 'the body is nested too deeply'])
  })

  test.each([
    ['another RangeError', new RangeError('Invalid array length'), 'RangeError: Invalid array length'],
    ['an error that names a call stack', new TypeError('call stack'), 'TypeError: call stack'],
    ['a text', 'thrown words', 'thrown words'],
    ['nothing', undefined, 'undefined'],
  ])('else (%s) is internal, and its words are for the log only', (_name, thrown, cause) => {
    const error = asGatewayError(thrown)
    expect([error.code, error.message, error.detail]).toEqual(['internal', 'internal error of the gateway', { cause }])
  })
})
