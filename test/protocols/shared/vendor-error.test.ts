/** A vendor's error in every shape seen, and the error a client receives. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../../src/base/errors.ts'
import type { JsonObject } from '../../../src/base/json/json.ts'
import { protocols } from '../../../src/protocols/registry.ts'
import { stopwatch } from '../../support/stopwatch.ts'

const { parseError, renderError, checkRequest } = protocols.get('openai-chat')!
const secret = 'sk-configured-secret'
const redact = (text: string) => text.replaceAll(secret, '***')
const parse = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  parseError(status, new Headers(headers), typeof body === 'string' ? body : JSON.stringify(body), { redact })
const rendered = (error: GatewayError) => (renderError(error) as { error: JsonObject }).error

describe("a vendor's error message", () => {
  test.each([
    ['the envelope', { error: { message: 'no', type: 't', param: null, code: 'c' } }],
    ['an error that is a word', { code: 'Some', error: 'no' }],
    ['an error that is a list', { error: ['no'] }],
    ['detail', { detail: 'no' }],
    ['detail as a list', { detail: [{ loc: ['body', 'x'], msg: 'no' }] }],
    ['message', { message: 'no' }],
    ['message with an id', { id: '1', message: 'no' }],
    ['object error', { object: 'error', message: 'no', code: '3051', raw_status_code: 400 }],
    ['code and msg', { code: 10012, msg: 'no' }],
    ['error_code and error_msg', { error_code: 17, error_msg: 'no' }],
    ['base_resp', { base_resp: { status_code: 1002, status_msg: 'no' } }],
    ['an array of one', [{ error: { code: 400, message: 'no', status: 'INVALID' } }]],
    ['an SSE line', 'data: {"error":{"message":"no","code":"x"}}\n\n'],
    ['an SSE event', 'event: error\ndata: {"message":"no"}\n\n'],
    ['plain words', 'no'],
    ['a JSON string', '"no"'],
  ])('is found in %s', (_shape, body) => {
    const error = parse(400, body)
    expect([error.code, error.status]).toEqual(['upstream_refused', 400])
    expect(error.message).toMatch(/^(body\.x: )?no$/)
  })

  test.each([
    ['<!doctype html><title>Bad gateway</title>', 'the vendor answered HTTP 502 with HTML'],
    ['', 'the vendor answered HTTP 502 without a body'],
    ['{}', 'the vendor answered HTTP 502 with JSON that is no answer'],
    ['{"error":{}}', 'the vendor answered HTTP 502 with JSON that is no answer'],
  ])('%s has no error message', (text, message) => expect(parse(502, text).message).toBe(message))

  test("OpenAI's error envelope is passed on unchanged, any other shape in our envelope", () => {
    const body = { error: { message: 'no', type: 't', param: 'p', code: null, extra: 1 }, request_id: 'r' }
    expect(renderError(parse(404, body))).toEqual(body)
    expect(renderError(parse(404, { error: 'no', code: 'c' }))).toEqual({
      error: { message: 'no', type: 'invalid_request_error', param: null, code: 'c' },
    })
  })
})

describe('the status of an error', () => {
  test.each([
    [401, 'upstream_credentials', 502],
    [402, 'upstream_credentials', 502],
    [403, 'upstream_credentials', 502],
    [400, 'upstream_refused', 400],
    [404, 'upstream_refused', 404],
    [413, 'upstream_refused', 413],
    [422, 'upstream_refused', 422],
    [429, 'upstream_limited', 429],
    [408, 'upstream_timeout', 504],
    [500, 'upstream_failed', 500],
    [503, 'upstream_failed', 503],
    [529, 'upstream_failed', 529],
    [302, 'upstream_failed', 502],
  ] as const)('a status of %d becomes %s', (status, code, shown) => {
    const error = parse(status, { error: { message: 'the vendor’s words' } })
    expect([error.code, error.status]).toEqual([code, shown])
  })

  test("the message of a vendor's 401 is hidden from the client and logged without the key", () => {
    const error = parse(401, {
      error: { message: `Incorrect API key provided: ${secret}, or sk-ab****yz.`, code: 'invalid_api_key' },
    })
    expect(rendered(error)).toEqual({
      message: "the vendor refused the gateway's credentials with HTTP 401",
      type: 'server_error',
      param: null,
      code: 'upstream_credentials',
    })
    expect(error.detail.cause).toBe('HTTP 401: Incorrect API key provided: ***, or ***')
  })

  test('a 400 that reports a wrong key is a credentials error', () => {
    expect(parse(400, { code: 'invalid-argument', error: 'Incorrect API key provided: te***ey.' }).code).toBe(
      'upstream_credentials',
    )
    expect(
      parse(400, [{ error: { code: 400, message: 'API key not valid. Please pass a valid API key.' } }]).code,
    ).toBe('upstream_credentials')
    expect(
      parse(400, { error: { message: 'the api key field of your tool is fine, the model is not valid' } }).code,
    ).toBe('upstream_refused')
  })
})

describe('retry-after', () => {
  const after = (headers: Record<string, string>) => parse(429, '', headers).detail.retryAfter
  test('may be seconds, fractions or milliseconds; the longer of two values counts', () => {
    expect([
      after({ 'retry-after': '7' }),
      after({ 'retry-after': '0.5' }),
      after({ 'retry-after-ms': '1500' }),
      after({ 'retry-after': '1', 'retry-after-ms': '0' }),
    ]).toEqual([7, 0.5, 1.5, 1])
  })
  test('may be an HTTP date', () => {
    const seconds = after({ 'retry-after': new Date(Date.now() + 30_000).toUTCString() })!
    expect(seconds).toBeGreaterThan(27)
    expect(seconds).toBeLessThan(31)
    expect(after({ 'retry-after': new Date(0).toUTCString() })).toBe(0)
  })
  test('may be an HTTP date of an older form', () => {
    const at = new Date(Date.now() + 30_000).toUTCString()
    const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) (\S+) GMT$/.exec(at)!
    for (const date of [
      `Sunday, ${day}-${month}-${year!.slice(2)} ${time} GMT`,
      `Sun ${month} ${day} ${time} ${year}`,
    ]) {
      expect([date, after({ 'retry-after': date })! > 27]).toEqual([date, true])
      expect(after({ 'retry-after': date })).toBeLessThan(31)
    }
  })
  test('is ignored if invalid, even where a lenient parser would find a date', () => {
    for (const value of ['soon', 'key 12345', '12345-12', '2030-01-01', '1.2.3', '-5', '1e9', '0x10', ''])
      expect([value, after({ 'retry-after': value, 'retry-after-ms': value === '1.2.3' ? value : '' })]).toEqual([
        value,
        undefined,
      ])
    expect(after({})).toBeUndefined()
  })
  test('is limited to one day', () => {
    const [day, far] = [86_400, new Date(Date.now() + 1e12).toUTCString()]
    expect([after({ 'retry-after': '99999999' }), after({ 'retry-after': far })]).toEqual([day, day])
    expect(after({ 'retry-after-ms': '1e12' })).toBeUndefined()
    expect(after({ 'retry-after-ms': '999999999999' })).toBe(day)
  })
})

describe('no key leaves the gateway', () => {
  test.each(['sk-ab****yz', 'test_ope*******_key', '****-key', 'sk-proj-abcdefgh12345678'])(
    'a key like %s is redacted',
    key => {
      for (const body of [
        { error: { message: `bad "${key}"\n(${key})`, type: key, code: key } },
        { detail: key },
        `no: ${key}.`,
      ]) {
        const text = JSON.stringify([renderError(parse(404, body)), parse(404, body).detail])
        expect(text).not.toContain(key)
      }
    },
  )
  test('a configured secret is redacted in the verbatim body too', () => {
    const error = parse(400, { error: { message: 'no', hint: secret } })
    expect(JSON.stringify([renderError(error), error.detail])).not.toContain(secret)
  })
  test('redaction takes linear time', () => {
    const took = stopwatch()
    parse(400, `${'a'.repeat(60_000)}*`)
    parse(400, { error: { message: '*'.repeat(60_000) } })
    expect(took()).toBeLessThan(200)
  })
})

describe("the gateway's own errors", () => {
  test.each([
    ['unauthorized', 'invalid_request_error', 'invalid_api_key', 401],
    ['model_not_found', 'invalid_request_error', 'model_not_found', 404],
    ['limited', 'rate_limit_error', 'rate_limit_exceeded', 429],
    ['internal', 'server_error', 'internal_error', 500],
    ['upstream_timeout', 'server_error', 'upstream_timeout', 504],
    ['upstream_credentials', 'server_error', 'upstream_credentials', 502],
  ] as const)('%s has the type, code and status of its table entry', (code, type, shownCode, status) => {
    const error = new GatewayError(code, 'what', { param: 'p' })
    expect(error.status).toBe(status)
    expect(rendered(error)).toEqual({ message: 'what', type, param: 'p', code: shownCode })
  })
})

describe('checkRequest names the path', () => {
  test('of the first of a million errors, quickly', () => {
    const took = stopwatch()
    expect(() => checkRequest({ messages: Array.from({ length: 1_000_000 }, () => ({})) })).toThrow('messages[0].role')
    expect(took()).toBeLessThan(1000)
  })

  const user = { role: 'user', content: 'hi' }
  test.each([
    [{}, 'messages'],
    [{ messages: [] }, 'messages'],
    [{ messages: 'hi' }, 'messages'],
    [{ messages: [user, 'hi'] }, 'messages[1]'],
    [{ messages: [{ content: 'hi' }] }, 'messages[0].role'],
    [{ messages: [{ role: '', content: 'hi' }] }, 'messages[0].role'],
    [{ messages: [user, user, { role: 'user', content: 5 }] }, 'messages[2].content'],
    [{ messages: [{ role: 'user', content: [{ text: 'hi' }] }] }, 'messages[0].content[0].type'],
    [{ messages: [user], stop: [1] }, 'stop[0]'],
    [{ messages: [user], temperature: '1' }, 'temperature'],
    [{ messages: [user], n: 0 }, 'n'],
    [{ messages: [user], model: 5 }, 'model'],
    [{ messages: [user], stream: 'true' }, 'stream'],
    [{ messages: [user], tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
  ])('of the error in %j', (body, param) => {
    try {
      checkRequest(body as JsonObject)
    } catch (thrown) {
      const error = thrown as GatewayError
      expect([error.code, error.detail.param]).toEqual(['invalid_request', param])
      expect(error.message).toStartWith(param)
      return
    }
    throw new Error('was accepted')
  })

  test('and accepts what OpenAI and its vendors accept', () => {
    for (const more of [
      { stop: 'x' },
      { stop: null },
      { tools: null, user: null, seed: 1.5 },
      { new_field: { any: 1 } },
      { tools: [{ type: 'web_search' }] },
    ])
      expect(() => checkRequest({ messages: [{ role: 'latest_reminder', content: null }], ...more })).not.toThrow()
  })
})

describe("a signed URL in a vendor's message", () => {
  const host = 'https://bucket.example.com/a/picture.png'
  const queries = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAcanary%2F2026&X-Amz-Signature=canary',
    'GoogleAccessId=canary@x.iam&Expires=1&Signature=canary',
    'X-Goog-Credential=canary&X-Goog-Signature=canary',
    'Expires=1&OSSAccessKeyId=canary&Signature=canary',
    'sv=2026-01-01&se=2027&sp=r&sig=canary%3D',
    'q-sign-algorithm=sha1&q-ak=canary&q-signature=canary',
  ]
  for (const protocol of protocols.values())
    test(`loses its query in an error for ${protocol.id}`, () => {
      for (const query of queries) {
        const message = `cannot fetch ${host}?${query}, nor (${host}?w=1&${query}).`
        const shapes = [{ error: { message, type: 't' } }, { type: 'error', error: { type: 't', message } }]
        const google = { error: { code: 400, message, status: 'INVALID_ARGUMENT', details: [{ reason: message }] } }
        for (const body of [...shapes, google, { detail: message }, message])
          for (const vendor of protocols.values()) {
            const text = typeof body === 'string' ? body : JSON.stringify(body)
            const error = vendor.parseError(400, new Headers(), text, { redact })
            const value = JSON.stringify([protocol.renderError(error), error.message, error.detail])
            expect(value).not.toContain('canary')
            expect(value).toContain(`${host}?***`)
          }
      }
    })
  test('keeps its query if it is not signed', () => {
    for (const query of ['w=100&signed=no', 'design=flat&sigma=2', 'q=signature'])
      expect(parse(400, { error: { message: `see ${host}?${query}` } }).message).toBe(`see ${host}?${query}`)
  })
})
