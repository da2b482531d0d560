/** What is learned of vendors that refuse to be asked for usage in a stream, and for how long. */
import { expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { StreamUsage } from '../../src/gateway/stream-usage.ts'
import { usageOption } from '../../src/protocols/openai-chat/usage-option.ts'
import { defaultEntry } from '../support/default-entry.ts'

const targetOf = (id: string) => ({ entry: defaultEntry('openai', { id }) })
const refusal = (message: string, status = 400) => new GatewayError('upstream_refused', message, { status })

test('what was learned of an entry holds for that entry alone, and for a day', () => {
  let now = 0
  const usage = new StreamUsage(() => now)
  usage.markRefused(targetOf('one'))
  expect(usage.isAllowed(targetOf('one'), {})).toBe(false)
  expect(usage.isAllowed(targetOf('other'), {})).toBe(true)
  now = 24 * 60 * 60_000 - 1
  expect(usage.isAllowed(targetOf('one'), {})).toBe(false)
  now++
  expect(usage.isAllowed(targetOf('one'), {})).toBe(true)
})

test('a vendor that documents its refusal is never asked', () =>
  expect(new StreamUsage().isAllowed(targetOf('one'), { refusesUsage: true })).toBe(false))

test.each([
  ['Unknown parameter: stream_options', true],
  ['Unrecognized request argument supplied: stream_options', true],
  ['include_usage is not allowed', true],
  ["The model doesn't support stream_options", true],
  ['[{"type":"extra_forbidden","loc":["body","stream_options","include_usage"]}]', true],
  [`bad value, input: {'stream_options': {'include_usage': True}} is not valid`, false],
  ['{"stream_options":{"include_usage":true},"temperature":"unknown"}', false],
  ['stream_options: include_usage must be a boolean', false],
  ['the model is not supported', false],
])('of %s the words name the option as unsupported: %s', (message, expected) =>
  expect(usageOption.isUnsupported(refusal(message))).toBe(expected),
)

test.each([
  [400, true],
  [422, true],
  [401, false],
  [429, false],
  [500, false],
])('an error %i that mentions the option may go away without it: %s', (status, expected) =>
  expect(usageOption.isMentioned(refusal('stream_options', status))).toBe(expected),
)
