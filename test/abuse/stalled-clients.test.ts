/** A client that asks for a large whole answer and does not read it loses its connection, and the memory is freed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type PerModelUpstream, perModelUpstream } from '../support/per-model-upstream.ts'
import { type RawClient, rawClient } from '../support/raw-client.ts'
import { residentMemory } from '../support/resident-memory.ts'
import type { Script } from '../support/scripted-upstream.ts'
import { replyChat, replyJson, replySse } from '../support/upstream-scripts.ts'
import { resultWithin, waitUntil } from '../support/wait-until.ts'

const MB = 1024 * 1024
/** Seconds. */
const clientIdleTimeout = 1
let vendor: PerModelUpstream
let gateway: Gateway

beforeAll(async () => {
  vendor = await perModelUpstream()
  const entry = { enabled: true, models: [vendor.modelPattern], server_url: `${vendor.url}/v1` }
  gateway = await startGateway({
    timeouts: { idle: clientIdleTimeout },
    // With a `timeout` of the entry, the idle timeout does not apply to a busy vendor.
    services: { openai: [{ ...entry, timeout: 60, limit: { concurrency: 1, timeout: 10, scope: 'model' } }] },
  })
})
afterAll(async () => {
  await gateway.stop()
  await vendor.close()
})

/** More than the kernel takes for a client on this machine, which is up to 4 MB. */
const large = 'x'.repeat(8 * MB)
const replyLargeChat = replyJson(chatAnswer(large))

function chatAnswer(content: string) {
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
  return { id: 'c', object: 'chat.completion', created: 1, model: 'v', choices }
}
const chunkOf = (delta: object, finish_reason: string | null = null) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'v',
  choices: [{ index: 0, delta, finish_reason }],
})

const post = (path: string, body: object) => {
  const text = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...body })
  return `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}
const lineOf = (model: string): string | undefined =>
  gateway
    .stdout()
    .split('\n')
    .find(line => line.includes(`"model":"${model}"`))

/** A client that reads the first bytes of its answer and then nothing. */
const stalledClient = (text: string): RawClient => {
  const client = rawClient(gateway.port, text)
  client.socket.once('data', () => client.socket.pause())
  return client
}

/** Waits until the gateway has given the client up. */
const waitForCut = async (model: string): Promise<void> => {
  const line = await waitUntil(() => lineOf(model), 30_000)
  expect(line).toContain(`the client has taken nothing for ${clientIdleTimeout} s`)
}

for (const [name, path, script, body] of [
  ['that passes', '/v1/chat/completions', replyLargeChat, {}],
  ['that is translated', '/v1/messages', replyLargeChat, { max_tokens: 9 }],
  [
    'that is collected from a stream',
    '/v1/chat/completions',
    replySse([chunkOf({ role: 'assistant', content: large }), chunkOf({}, 'stop')]),
    {},
  ],
  ['that is joined from parts', '/v2/translate', replyLargeChat, { target_lang: 'DE', text: ['a', 'b'] }],
  [
    'of a path that only passes, although a stream was asked for,',
    '/v1/images/generations',
    replyJson({ created: 1, data: [{ b64_json: large }] }),
    { prompt: 'x', stream: true },
  ],
] satisfies [string, string, Script, object][])
  test.concurrent(`a client that reads nothing of a whole answer ${name} loses its connection`, async () => {
    const model = vendor.addModel(script)
    const client = stalledClient(post(path, { model, ...body }))
    await waitForCut(model)
    await Bun.sleep(6000)
    client.socket.resume()
    expect(await resultWithin(client.closed, 2000)).toBeDefined()
    expect(client.text().length).toBeLessThan(large.length)
    expect(client.text()).not.toEndWith('0\r\n\r\n')
  }, 40_000)

test.concurrent("the vendor's slot is free as soon as its whole answer is there, although the client has not read it", async () => {
  const model = vendor.addModel((answer, request) =>
    ((request.json() as { n?: number }).n === 2 ? replyChat() : replyLargeChat)(answer, request),
  )
  const client = stalledClient(post('/v1/chat/completions', { model }))
  await waitUntil(() => client.text() !== '', 15_000)
  const other = rawClient(gateway.port, post('/v1/chat/completions', { model, n: 2 }))
  await waitUntil(() => other.text().startsWith('HTTP/1.1 200 '), 15_000)
  expect(await waitUntil(() => lineOf(model), 15_000)).not.toContain('the client has taken nothing')
  client.socket.destroy()
  other.socket.destroy()
}, 20_000)

test.concurrent('a slow client that goes on reading gets every character of a large whole answer', async () => {
  // Pairs of surrogates at even and odd places: no piece may split one.
  const content = `${'😀'.repeat(600_000)}x${'😀'.repeat(600_000)}`
  const model = vendor.addModel(replyJson(chatAnswer(content)))
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] }),
    proxy: false,
  } as RequestInit)
  const pieces: Uint8Array[] = []
  for await (const piece of response.body!) {
    pieces.push(piece)
    await Bun.sleep(20)
  }
  const answer = JSON.parse(Buffer.concat(pieces).toString()) as ReturnType<typeof chatAnswer>
  expect(answer.choices[0]!.message.content === content).toBe(true)
  expect(await waitUntil(() => lineOf(model), 15_000)).toContain('"status":200')
}, 40_000)

test('ten clients that do not read 20 MB each hold no memory after the idle timeout', async () => {
  const before = await residentMemory(gateway.pid)
  const script = replyJson(chatAnswer('x'.repeat(20 * MB)))
  const clients = Array.from({ length: 10 }, () => {
    const model = vendor.addModel(script)
    return { model, client: stalledClient(post('/v1/chat/completions', { model })) }
  })
  for (const { model } of clients) await waitForCut(model)
  await waitUntil(async () => (await residentMemory(gateway.pid)) < before + 80 * MB, 30_000)
  for (const { client } of clients) client.socket.destroy()
}, 90_000)
