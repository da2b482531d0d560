/** Each failure that a probe explains, word by word and code by code. */
import { describe, expect, test } from 'bun:test'
import { type ErrorCode, GatewayError } from '../../src/base/errors.ts'
import { verdictOf } from '../../src/gateway/probe/verdict.ts'

const direct = { host: 'api.vendor.example', isProxied: false }
const kindOf = (code: ErrorCode, message: string, detail: GatewayError['detail'] = {}, endpoint = direct) =>
  verdictOf(new GatewayError(code, message, detail), endpoint).kind
const refused = (status: number, words: string) =>
  kindOf('upstream_refused', words, { status, cause: `HTTP ${status}: ${words}` })

describe('no balance is left if a vendor says', () => {
  test.each([
    'Insufficient Balance',
    'insufficient_quota',
    'insufficient account funds',
    'Insufficient credits',
    'your balance is too low',
    'account in arrears',
    'the payment is overdue',
    'check your plan and billing details',
    'You exceeded your current quota',
    'your quota is used up',
    'out of credit',
    'out of credits',
    '账户已欠费',
    '余额不足',
    '请充值',
  ])('%j', words => {
    expect(refused(400, words)).toBe('no_balance')
    expect(kindOf('upstream_limited', words, { cause: `HTTP 429: ${words}` })).toBe('no_balance')
    expect(kindOf('upstream_credentials', 'ours', { cause: `HTTP 403: ${words}` })).toBe('no_balance')
  })
  test('the status 402, whatever its words', () =>
    expect(kindOf('upstream_credentials', 'ours', { cause: 'HTTP 402: words' })).toBe('no_balance'))
})

describe('there is no such model if a vendor says', () => {
  test.each([
    'The model `m` does not exist',
    'model m not found',
    'model m is not supported',
    'model m is not available',
    'model m is not valid',
    "model m doesn't exist",
    'model m is unknown',
    'model m is invalid',
    'model m is no longer served',
    'model m 不存在',
    'unknown model m',
    'Invalid model: m',
    'no such model',
    'unsupported model m',
    '模型 m 不存在',
  ])('%j', words => expect(refused(400, words)).toBe('no_such_model'))
})

describe('a refusal', () => {
  test.each([
    [401, 'words', 'wrong_key'],
    [403, 'words', 'forbidden'],
  ])('of our credentials with %d is %3$s', (status, words, kind) =>
    expect(kindOf('upstream_credentials', 'ours', { cause: `HTTP ${status}: ${words}` })).toBe(kind as 'forbidden'),
  )
  test.each([
    [400, 'words', 'refused'],
    [422, 'words', 'refused'],
    [404, 'words', 'no_such_model'],
    [404, 'no words', 'wrong_address'],
    [405, 'words', 'wrong_address'],
    [400, 'no words', 'refused'],
  ])('with %d and %j', (status, words, kind) => expect(refused(status, words)).toBe(kind as 'refused'))
  test('with 429 is a limit, and says when to come back', () => {
    const error = new GatewayError('upstream_limited', 'slow', { retryAfter: 1.5, cause: 'HTTP 429: slow' })
    expect(verdictOf(error, direct)).toEqual({
      kind: 'rate_limited',
      explanation: 'rate limited by the vendor (HTTP 429, again in 2 s)',
      vendorMessage: 'slow',
    })
  })
})

describe('a vendor that could not be reached', () => {
  const unreached = (code: string, isProxied = false) =>
    kindOf('upstream_failed', `the vendor could not be reached (${code})`, {}, { ...direct, isProxied })
  test.each([
    ['ENOTFOUND', 'unknown_host', 'proxy'],
    ['EAI_AGAIN', 'unknown_host', 'proxy'],
    ['ECONNREFUSED', 'unreachable', 'proxy'],
    ['ConnectionRefused', 'unreachable', 'proxy'],
    ['EHOSTUNREACH', 'unreachable', 'proxy'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls', 'tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls', 'tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls', 'tls'],
    ['ERR_TLS_HANDSHAKE', 'tls', 'tls'],
    ['EPROTO', 'tls', 'tls'],
    ['ERR_PROXY_TUNNEL', 'proxy', 'proxy'],
  ] as const)('by %s: %s; through a proxy: %s', (code, kind, proxied) =>
    expect([unreached(code), unreached(code, true)]).toEqual([kind, proxied]),
  )
})

describe('a failure', () => {
  test.each([
    ['the vendor redirects (HTTP 301); check the address of the service', {}, 'wrong_address'],
    ['the vendor answered with HTML', {}, 'wrong_address'],
    ['the vendor answered with text', {}, 'wrong_address'],
    ['the vendor answered with nothing', {}, 'wrong_address'],
    ['the vendor answered with JSON that is no answer', {}, 'vendor_failed'],
    ['words', { status: 503, cause: 'HTTP 503: words' }, 'vendor_failed'],
    ['the proxy refused the way to the vendor', {}, 'proxy'],
  ] as const)('%j, %j: %s', (message, detail, kind) => expect(kindOf('upstream_failed', message, detail)).toBe(kind))
  test('that is a timeout', () => expect(kindOf('upstream_timeout', 'words')).toBe('timeout'))
  test.each(['invalid_request', 'internal', 'limited', 'cancelled'] as const)('of our own, %s', code =>
    expect(kindOf(code, 'words')).toBe('failed'),
  )
})
