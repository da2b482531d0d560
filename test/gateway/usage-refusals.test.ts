/** Each way in which a vendor says that it does not know the usage option of a stream. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { usageOption } from '../../src/protocols/openai-chat/usage-option.ts'

const refusal = (message: string, status = 400) => new GatewayError('upstream_refused', message, { status })

describe('an error that refuses the option', () => {
  test.each([
    'Unknown parameter: stream_options',
    'Unrecognized request argument supplied: stream_options',
    'unrecognised field stream_options',
    'unexpected keyword stream_options',
    'stream_options is unsupported',
    'stream_options is not supported',
    'stream_options is not permitted',
    'stream_options is not allowed',
    'stream_options is not recognized',
    'stream_options is not accepted',
    'stream_options is not valid here',
    'stream_options can not be supported',
    "this model doesn't support include_usage",
    'this model does not support include_usage',
    'Extra inputs are not permitted: stream_options',
    'extra_forbidden: stream_options',
    'extra fields: stream_options',
    'invalid field stream_options',
    'invalid parameter stream_options',
    'invalid_argument stream_options',
    'Invalid option include_usage',
    'no such field: stream_options',
  ])('%j', message => {
    expect(usageOption.isMentioned(refusal(message))).toBe(true)
    expect(usageOption.isUnsupported(refusal(message))).toBe(true)
  })

  test('may say so in the body of the vendor alone', () => {
    const body = {
      protocol: 'openai-chat',
      text: '{"error":{"message":"x","param":"stream_options","code":"unknown_parameter"}}',
    }
    const error = new GatewayError('upstream_refused', 'no', { status: 422, body })
    expect([usageOption.isMentioned(error), usageOption.isUnsupported(error)]).toEqual([true, true])
  })
})

describe('an error that only repeats the request', () => {
  test.each([
    'max_tokens is not supported; got {"stream_options": {"include_usage": true}}',
    "temperature is not allowed: {'stream_options': {'include_usage': True}}",
    'no such model; include_usage: false',
  ])('%j', message => expect(usageOption.isUnsupported(refusal(message))).toBe(false))
  test.each([
    'stream_options needs stream',
    `stream_options${' far'.repeat(60)} is not supported`,
    'temperature is not supported',
  ])('or names it for another reason: %j', message => expect(usageOption.isUnsupported(refusal(message))).toBe(false))
})

describe('the option is left out and the request sent again', () => {
  test.each([
    [400, true],
    [422, true],
    [401, false],
    [404, false],
    [413, false],
    [429, false],
    [500, false],
  ])('after a status of %d that mentions it: %p', (status, isSentAgain) =>
    expect(usageOption.isMentioned(refusal('stream_options', status))).toBe(isSentAgain),
  )
  test('never after an error that does not mention it', () => {
    expect(usageOption.isMentioned(refusal('temperature'))).toBe(false)
  })
})
