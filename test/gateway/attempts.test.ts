/** What an attempt leaves behind when another one follows it, and how vendors that refuse to be asked for usage are learned. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { openStream } from '../support/client.ts'
import { type Gateway, startGateway, waitForLogLine } from '../support/gateway-process.ts'
import { type PerModelUpstream, perModelUpstream } from '../support/per-model-upstream.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { inSequence, replyChat, replyJson } from '../support/upstream-scripts.ts'

/** An entry each, because what is learned of a vendor is learned for the entry. */
const ownEntries = [
  'reported',
  'logged',
  'echoing',
  'failing',
  'shared',
  'refusal-0',
  'refusal-1',
  'refusal-2',
  'refusal-3',
]

let vendor: PerModelUpstream
let gateway: Gateway

beforeAll(async () => {
  vendor = await perModelUpstream()
  const common = { enabled: true, server_url: `${vendor.url}/v1`, credentials: { api_key: 'sk-canary-attempts' } }
  gateway = await startGateway({
    services: {
      openai: ownEntries.map(name => ({ ...common, models: [name] })),
      mistral: [{ ...common, models: ['mistral-small'] }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await vendor.close()
})

const refusal = (message: string) => replyJson({ error: { message, type: 'invalid_request_error' } }, 400)
const unsupported = refusal('Unrecognized request argument supplied: stream_options')
const asksForUsage = (model: string): boolean[] =>
  vendor.requestsOf(model).map(request => (request.json() as { stream_options?: unknown }).stream_options !== undefined)
const chat = async (model: string): Promise<number> => {
  const answer = await openStream(gateway, { model })
  await answer.ended
  return answer.status
}
const messages = (model: string, more: object = {}) =>
  fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-report-losses': '1' },
    body: JSON.stringify({
      model,
      max_tokens: 20,
      stream: true,
      messages: [{ role: 'user', content: 'q' }],
      ...more,
    }),
    proxy: false,
  } as RequestInit)
/** A vendor that refuses whatever asks for usage. */
const refusesUsage =
  (message: string): Script =>
  (answer, request) =>
    (request.json() as { stream_options?: unknown }).stream_options === undefined
      ? replyChat()(answer, request)
      : refusal(message)(answer, request)

test('a loss is reported once, although the vendor was called again without the question for usage', async () => {
  const model = vendor.addModel(inSequence(unsupported, replyChat()), 'reported')
  const answer = await messages(model, { container: 'c_1' })
  await answer.text()
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-losses')?.match(/container/g)).toHaveLength(1)
  expect(asksForUsage(model)).toEqual([true, false])
})

test('a loss is logged once, although the vendor was called again', async () => {
  const model = vendor.addModel(inSequence(unsupported, replyChat()), 'logged')
  await (await messages(model, { container: 'c_1' })).text()
  const { losses } = await waitForLogLine(gateway, '"model":"logged"')
  expect(losses).toHaveLength(1)
})

test.each(
  [
    'Unrecognized request argument supplied: stream_options',
    'stream_options is not supported',
    '[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]',
    "Unknown parameter: 'stream_options.include_usage'.",
  ]
    .entries()
    .toArray(),
)('%i: a vendor that says %s is not asked for usage again', async (index, message) => {
  const model = vendor.addModel(refusesUsage(message), `refusal-${index}`)
  expect([await chat(model), await chat(model)]).toEqual([200, 200])
  expect(asksForUsage(model)).toEqual([true, false, false])
})

test("an error that only echoes a client's request does not switch usage off for the others", async () => {
  const echo =
    "[{'type': 'value_error', 'loc': ('body', 'temperature'), 'msg': 'Input should be a number', 'input': {'model': 'echoing', 'stream': True, 'stream_options': {'include_usage': True}, 'temperature': 'hot'}}]"
  vendor.addModel(inSequence(refusal(echo), refusal(echo), replyChat()), 'echoing')
  expect(await chat('echoing')).toBe(400)
  expect(await chat('echoing')).toBe(200)
  expect(asksForUsage('echoing')).toEqual([true, false, true])
})

test('a vendor that refuses the request without the question for usage too is asked for usage again', async () => {
  vendor.addModel(inSequence(unsupported, unsupported, replyChat()), 'failing')
  expect(await chat('failing')).toBe(400)
  expect(await chat('failing')).toBe(200)
  expect(asksForUsage('failing')).toEqual([true, false, true])
})

test('a request of Messages does not ask a vendor for usage that is known to refuse', async () => {
  vendor.addModel(replyChat(), 'mistral-small')
  const answer = await messages('mistral-small')
  await answer.text()
  expect(answer.status).toBe(200)
  expect(asksForUsage('mistral-small')).toEqual([false])
})

test('what a request of Chat Completions learned of a vendor holds for requests of Messages', async () => {
  vendor.addModel(refusesUsage('stream_options is not supported'), 'shared')
  expect(await chat('shared')).toBe(200)
  await (await messages('shared')).text()
  expect(asksForUsage('shared')).toEqual([true, false, false])
})
