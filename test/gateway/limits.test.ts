/**
 * Limits in real time, through the whole gateway. Each test has its own service, so that none uses up the limit of
 * another.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { neverRespond, refuse, replyChat, replyJson } from '../support/upstream-scripts.ts'
import { createLatch, waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = (model: string, limit: object = {}, more: object = {}) => ({
    enabled: true,
    id: model,
    models: [model],
    server_url: `${upstream.url}/v1`,
    credentials: { api_key: 'k' },
    limit,
    ...more,
  })
  const twoEntries = (model: string, limit: object, more: object = {}) => [
    entry(model, limit, { model_map: { [model]: 'first' } }),
    entry(model, {}, { id: `${model}-2`, model_map: { [model]: 'second' }, priority: 1, ...more }),
  ]
  gateway = await startGateway({
    heartbeat: 0.5,
    services: {
      openai: [
        entry('qps', { qps: 4 }),
        entry('slow-qps', { qps: 0.5, timeout: 0.2 }),
        entry('rpm', { rpm: 2, timeout: 0.2 }),
        entry('qpm', { qpm: 1, timeout: 0.2 }),
        entry('rpd', { rpd: 1, timeout: 10 }),
        entry('tpm', { tpm: 1200, timeout: 0.2 }),
        entry('empty', { tpm: 100, timeout: 0.2 }),
        entry('one', { concurrency: 1, timeout: 10 }),
        entry('vain', { concurrency: 1, timeout: 1.2 }),
        entry('held', { concurrency: 1, timeout: 0.2 }),
        entry('both', { qps: 100, concurrency: 2, rpm: 3, timeout: 0.2 }),
        entry('each', { concurrency: 2, rpm: 3, timeout: 0.2 }),
        entry('line', { concurrency: 1, timeout: 20 }),
        entry('a', { rpm: 1, timeout: 0.2, scope: 'model' }, { models: ['scoped-a', 'scoped-b'] }),
        entry(
          'emb',
          { rpm: 1, timeout: 0.2 },
          { models: ['emb-chat'], embedding_models: ['emb'], embedding_limit: { rpm: 2, timeout: 0.2 } },
        ),
        entry(
          'keys',
          {},
          {
            credentials: undefined,
            credential_list: [
              { api_key: 'one', limit: { concurrency: 1, timeout: 5 } },
              { api_key: 'two', limit: { concurrency: 1, timeout: 5 } },
            ],
          },
        ),
        ...['entry', 'credential', 'model'].map(scope =>
          entry(
            `patience-${scope}`,
            { rpm: 10, timeout: 0.2, scope },
            {
              credentials: undefined,
              credential_list: [
                { api_key: 'one', limit: { rpm: 1 } },
                { api_key: 'two', limit: { rpm: 1 } },
              ],
            },
          ),
        ),
        ...twoEntries('pair', { concurrency: 1, timeout: 20 }),
        ...twoEntries('random-pair', { rpm: 1, timeout: 20 }),
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const send = async (model: string, body: object = {}, path?: string) => {
  const startedAt = performance.now()
  const response = await sendRequest(gateway, { model, ...body }, path ? { path } : {})
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, ms: performance.now() - startedAt }
}
const statuses = async (model: string, count: number, body: object = {}) => {
  const seen: number[] = []
  for (let round = 0; round < count; round++) seen.push((await send(model, body)).status)
  return seen
}
const embeddings = replyJson({ object: 'list', data: [], model: 'emb' })
const modelOf = (received: ReceivedRequest) => (received.json() as { model: string }).model
const errorOf = (text: string) => (JSON.parse(text) as { error: { message: string; code: string; type: string } }).error

describe('limits', () => {
  beforeAll(() =>
    upstream.setScript((answer, request) =>
      (request.path.endsWith('/embeddings') ? embeddings : replyChat())(answer, request),
    ),
  )

  test.concurrent('a limit of requests per second delays the excess requests and loses none', async () => {
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 9 }, () => send('qps')))
    expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200))
    const arrivals = upstream.requests.filter(request => modelOf(request) === 'qps').map(({ receivedAt }) => receivedAt)
    expect(arrivals).toHaveLength(9)
    for (const [index, at] of arrivals.entries()) if (index >= 4) expect(at - arrivals[index - 4]!).toBeGreaterThan(800)
    expect(performance.now() - startedAt).toBeLessThan(3500)
  })

  for (const [model, name, allowed, minRetryAfter] of [
    ['slow-qps', 'qps', 1, 1],
    ['rpm', 'rpm', 2, 55],
    ['qpm', 'qpm', 1, 55],
    ['rpd', 'rpd', 1, 86_000],
  ] as const)
    test.concurrent(`a limit named ${name} that cannot admit a request in time is a 429 with its name and Retry-After`, async () => {
      expect(await statuses(model, allowed)).toEqual(Array(allowed).fill(200))
      const refused = await send(model)
      expect(refused.status).toBe(429)
      expect(refused.ms).toBeLessThan(1500)
      const wait = Number(refused.headers.get('retry-after'))
      expect(wait).toBeGreaterThanOrEqual(minRetryAfter)
      const { message, code, type } = errorOf(refused.text)
      expect(message).toContain(name)
      expect([code, type]).toEqual([
        'rate_limit_exceeded',
        expect.stringMatching(/^(requests|rate_limit_error|rate_limit_exceeded)$/),
      ])
      expect(message).not.toMatch(/127\.0\.0\.1|Bearer/)
    })

  test.concurrent('several limits hold together, and a refusal by one is not charged to the others', async () => {
    expect(await statuses('both', 5)).toEqual([200, 200, 200, 429, 429])
  })

  for (const scope of ['entry', 'credential', 'model'])
    test.concurrent(`a limit of a credential uses the queue timeout of the entry of scope ${scope}`, async () => {
      expect(await statuses(`patience-${scope}`, 2)).toEqual([200, 200])
      const refused = await send(`patience-${scope}`)
      expect([refused.status, refused.ms < 1500]).toEqual([429, true])
    })

  test.concurrent('a limit of scope `model` counts each model separately', async () => {
    expect([await statuses('scoped-a', 2), await statuses('scoped-b', 2)]).toEqual([
      [200, 429],
      [200, 429],
    ])
  })

  test.concurrent('a limit of embeddings is counted separately', async () => {
    const sendEmbedding = () => send('emb', { messages: undefined, input: 'x' }, '/v1/embeddings')
    const seen = [(await sendEmbedding()).status, (await sendEmbedding()).status, (await sendEmbedding()).status]
    expect([seen, await statuses('emb-chat', 2)]).toEqual([
      [200, 200, 429],
      [200, 429],
    ])
  })

  test('a limit of tokens is charged with the actual usage, not the estimate', async () => {
    // Each request is estimated at about 500 tokens and uses 8. Without the correction the third one would exceed the
    // limit.
    expect(await statuses('tpm', 4)).toEqual([200, 200, 200, 200])
    const refused = await send('tpm', { max_tokens: 1200 })
    expect([refused.status, errorOf(refused.text).message]).toEqual([429, expect.stringContaining('tpm')])
  })

  test('a limit of tokens admits a request larger than its window when the window is empty, and refuses it otherwise', async () => {
    expect((await send('tpm', { max_tokens: 100_000 })).status).toBe(429)
    expect((await send('empty', { max_tokens: 100_000 })).status).toBe(200)
  })
})

describe('targets at their limit', () => {
  test('a target whose limit is reached is skipped in favour of a free target before any request waits', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      if (modelOf(request) === 'first') await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const first = send('pair')
    await waitUntil(() => upstream.requests.length === before + 1)
    const second = await send('pair')
    expect([second.status, modelOf(upstream.requests[before + 1]!)]).toEqual([200, 'second'])
    expect(second.ms).toBeLessThan(1000)
    latch.open()
    expect((await first).status).toBe(200)
    await send('pair')
    expect(modelOf(upstream.requests.at(-1)!)).toBe('first')
  })

  test('a target with several limits refuses by whichever is reached', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const inFlight = [send('each'), send('each')]
    await waitUntil(() => upstream.requests.length === before + 2)
    const third = await send('each')
    expect([third.status, errorOf(third.text).message]).toEqual([429, expect.stringContaining('concurrency')])
    latch.open()
    expect((await Promise.all(inFlight)).map(({ status }) => status)).toEqual([200, 200])
    expect((await send('each')).status).toBe(200)
    const fifth = await send('each')
    expect([fifth.status, errorOf(fifth.text).message]).toEqual([429, expect.stringContaining('rpm')])
  })

  test('a target with several credentials admits as many requests at once as they allow together', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const answers = [send('keys'), send('keys'), send('keys')]
    await waitUntil(() => upstream.requests.length === before + 2)
    await Bun.sleep(100)
    const authorizations = upstream.requests.slice(before).map(({ headers }) => headers['authorization'])
    expect(authorizations.toSorted()).toEqual(['Bearer one', 'Bearer two'])
    latch.open()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })
})

describe('the queue', () => {
  test('the queue is first come, first served', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const answers: Promise<unknown>[] = []
    // The heartbeat of a stream says that it waits in the queue. The next one is sent only then.
    for (let round = 0; round < 6; round++) {
      const stream = await openStream(gateway, { model: 'line', user: `${round}` })
      answers.push(stream.ended)
      if (round > 0) await waitUntil(() => stream.frames.length > 0)
    }
    expect(upstream.requests.length).toBe(before + 1)
    latch.open()
    await Promise.all(answers)
    expect(upstream.requests.slice(before).map(request => (request.json() as { user: string }).user)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
    ])
  })

  test('the queue ends a stream that it kept alive with an error when the wait was in vain', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const first = send('vain')
    await waitUntil(() => upstream.requests.length === before + 1)
    const waiting = await openStream(gateway, { model: 'vain' })
    await waiting.ended
    latch.open()
    const texts = waiting.frames.map(({ text }) => text)
    expect(texts[0]).toStartWith(':')
    expect(texts.at(-1)).toContain('rate_limit_exceeded')
    expect([texts.join('').includes('[DONE]'), waiting.content(), (await first).status]).toEqual([false, '', 200])
  })

  test('the queue sends heartbeats to a stream while it waits', async () => {
    const latch = createLatch()
    upstream.setScript(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const before = upstream.requests.length
    const first = send('one')
    await waitUntil(() => upstream.requests.length === before + 1)
    const waiting = await openStream(gateway, { model: 'one' })
    await waitUntil(() => waiting.frames.length > 0)
    expect(waiting.frames[0]?.text).toStartWith(':')
    latch.open()
    await waiting.ended
    expect([waiting.content(), (await first).status]).toEqual(['Hello there.', 200])
  })
})

describe('concurrency slots', () => {
  test('a concurrency slot is held by a stream until the stream ends', async () => {
    const latch = createLatch()
    const heldStream: Script = async (answer, request) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"v","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n',
      )
      await answer.wait(latch.opened)
      await answer.write(
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"v","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
      )
      answer.end()
      void request
    }
    upstream.setScript(heldStream)
    const streamed = await openStream(gateway, { model: 'held' })
    await waitUntil(() => streamed.content() === 'x')
    const refused = await send('held')
    expect([refused.status, errorOf(refused.text).message]).toEqual([429, expect.stringContaining('concurrency')])
    latch.open()
    await streamed.ended
    upstream.setScript(replyChat())
    expect((await send('held')).status).toBe(200)
  })

  test('a concurrency slot is released when the client disconnects, the vendor refuses or the vendor never answers', async () => {
    for (const script of [refuse(500), refuse(401), neverRespond]) {
      upstream.setScript(script)
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 120)
      await sendRequest(gateway, { model: 'held', stream: true }, { signal: controller.signal }).then(
        answer => answer.text(),
        () => undefined,
      )
    }
    upstream.setScript(replyChat())
    expect((await send('held')).status).toBe(200)
  })
})

test('`random` skips a model that cannot admit a request now', async () => {
  upstream.setScript(replyChat())
  expect((await send('random-pair')).status).toBe(200)
  const second = await send('random-pair')
  expect([second.status, modelOf(upstream.requests.at(-1)!)]).toEqual([200, 'second'])
  for (let round = 0; round < 10; round++) {
    const answer = await send('random')
    expect(answer.status).toBe(200)
    expect(answer.ms).toBeLessThan(700)
  }
})
