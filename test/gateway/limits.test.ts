/** Limits in real time, through the whole gateway: one service a test, so that none spends another's. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ask, stream } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/process.ts'
import { chat, jsonOf, neverHeaders, refuse } from '../support/scripts.ts'
import { type Received, type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { gate, until } from '../support/wait.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(chat())
  const entry = (model: string, limit: object = {}, more: object = {}) => ({
    enabled: true,
    id: model,
    models: [model],
    server_url: `${upstream.url}/v1`,
    credentials: { api_key: 'k' },
    limit,
    ...more,
  })
  const pair = (model: string, limit: object, more: object = {}) => [
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
        ...pair('pair', { concurrency: 1, timeout: 20 }),
        ...pair('random-pair', { rpm: 1, timeout: 20 }),
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const asked = async (model: string, body: object = {}, path?: string) => {
  const began = performance.now()
  const response = await ask(gateway, { model, ...body }, path ? { path } : {})
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, ms: performance.now() - began }
}
const statuses = async (model: string, count: number, body: object = {}) => {
  const seen: number[] = []
  for (let turn = 0; turn < count; turn++) seen.push((await asked(model, body)).status)
  return seen
}
const embeddings = jsonOf({ object: 'list', data: [], model: 'emb' })
const modelAt = (received: Received) => (received.json() as { model: string }).model
const openAi = (text: string) => (JSON.parse(text) as { error: { message: string; code: string; type: string } }).error

describe('a limit', () => {
  beforeAll(() =>
    upstream.become((answer, request) => (request.path.endsWith('/embeddings') ? embeddings : chat())(answer, request)),
  )

  test.concurrent('of requests a second spreads what is more than it over time, losing none', async () => {
    const began = performance.now()
    const answers = await Promise.all(Array.from({ length: 9 }, () => asked('qps')))
    expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200))
    const arrivals = upstream.requests.filter(request => modelAt(request) === 'qps').map(({ at }) => at)
    expect(arrivals).toHaveLength(9)
    for (const [index, at] of arrivals.entries()) if (index >= 4) expect(at - arrivals[index - 4]!).toBeGreaterThan(800)
    expect(performance.now() - began).toBeLessThan(3500)
  })

  for (const [model, name, allowed, least] of [
    ['slow-qps', 'qps', 1, 1],
    ['rpm', 'rpm', 2, 55],
    ['qpm', 'qpm', 1, 55],
    ['rpd', 'rpd', 1, 86_000],
  ] as const)
    test.concurrent(`named ${name} that cannot be met in time is a 429 that tells its name and when to come again`, async () => {
      expect(await statuses(model, allowed)).toEqual(Array(allowed).fill(200))
      const refused = await asked(model)
      expect(refused.status).toBe(429)
      expect(refused.ms).toBeLessThan(1500)
      const wait = Number(refused.headers.get('retry-after'))
      expect(wait).toBeGreaterThanOrEqual(least)
      const { message, code, type } = openAi(refused.text)
      expect(message).toContain(name)
      expect([code, type]).toEqual([
        'rate_limit_exceeded',
        expect.stringMatching(/^(requests|rate_limit_error|rate_limit_exceeded)$/),
      ])
      expect(message).not.toMatch(/127\.0\.0\.1|Bearer/)
    })

  test.concurrent('of several all hold, and what is refused by one is not charged to the others', async () => {
    expect(await statuses('both', 5)).toEqual([200, 200, 200, 429, 429])
  })

  for (const scope of ['entry', 'credential', 'model'])
    test.concurrent(`of each credential waits as long as the entry of scope ${scope} says`, async () => {
      expect(await statuses(`patience-${scope}`, 2)).toEqual([200, 200])
      const refused = await asked(`patience-${scope}`)
      expect([refused.status, refused.ms < 1500]).toEqual([429, true])
    })

  test.concurrent('of each model counts each model', async () => {
    expect([await statuses('scoped-a', 2), await statuses('scoped-b', 2)]).toEqual([
      [200, 429],
      [200, 429],
    ])
  })

  test.concurrent('of embeddings is their own', async () => {
    const embed = () => asked('emb', { messages: undefined, input: 'x' }, '/v1/embeddings')
    const seen = [(await embed()).status, (await embed()).status, (await embed()).status]
    expect([seen, await statuses('emb-chat', 2)]).toEqual([
      [200, 200, 429],
      [200, 429],
    ])
  })

  test('of tokens counts what the answers used, not the guess', async () => {
    // Each is guessed at some 500 and uses 8: three pass at once only if the guess is corrected.
    expect(await statuses('tpm', 4)).toEqual([200, 200, 200, 200])
    const refused = await asked('tpm', { max_tokens: 1200 })
    expect([refused.status, openAi(refused.text).message]).toEqual([429, expect.stringContaining('tpm')])
  })

  test('whose request larger than the whole window is let in when the window is empty, else waits for that', async () => {
    expect((await asked('tpm', { max_tokens: 100_000 })).status).toBe(429)
    expect((await asked('empty', { max_tokens: 100_000 })).status).toBe(200)
  })
})

describe('a target that is full', () => {
  test('is passed over for one that is free before anybody waits', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      if (modelAt(request) === 'first') await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const first = asked('pair')
    await until(() => upstream.requests.length === before + 1)
    const second = await asked('pair')
    expect([second.status, modelAt(upstream.requests[before + 1]!)]).toEqual([200, 'second'])
    expect(second.ms).toBeLessThan(1000)
    door.open()
    expect((await first).status).toBe(200)
    await asked('pair')
    expect(modelAt(upstream.requests.at(-1)!)).toBe('first')
  })

  test('of several limits is full by whichever bites', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const under = [asked('each'), asked('each')]
    await until(() => upstream.requests.length === before + 2)
    const third = await asked('each')
    expect([third.status, openAi(third.text).message]).toEqual([429, expect.stringContaining('concurrency')])
    door.open()
    expect((await Promise.all(under)).map(({ status }) => status)).toEqual([200, 200])
    expect((await asked('each')).status).toBe(200)
    const fifth = await asked('each')
    expect([fifth.status, openAi(fifth.text).message]).toEqual([429, expect.stringContaining('rpm')])
  })

  test('of several credentials takes as many at once as they allow, each its own', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const answers = [asked('keys'), asked('keys'), asked('keys')]
    await until(() => upstream.requests.length === before + 2)
    await Bun.sleep(100)
    const shown = upstream.requests.slice(before).map(({ headers }) => headers['authorization'])
    expect(shown.toSorted()).toEqual(['Bearer one', 'Bearer two'])
    door.open()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })
})

describe('the line', () => {
  test('is first come first served', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const answers: Promise<unknown>[] = []
    for (let turn = 0; turn < 6; turn++) {
      answers.push(asked('line', { user: `${turn}`, stream: turn % 2 === 1 }))
      await Bun.sleep(25)
    }
    expect(upstream.requests.length).toBe(before + 1)
    door.open()
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

  test('tells a stream that was kept alive that it waited in vain', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const first = asked('vain')
    await until(() => upstream.requests.length === before + 1)
    const waiting = await stream(gateway, { model: 'vain' })
    await waiting.ended
    door.open()
    const texts = waiting.frames.map(({ text }) => text)
    expect(texts[0]).toStartWith(':')
    expect(texts.at(-1)).toContain('rate_limit_exceeded')
    expect([texts.join('').includes('[DONE]'), waiting.content(), (await first).status]).toEqual([false, '', 200])
  })

  test('keeps a stream alive while it waits', async () => {
    const door = gate()
    upstream.become(async (answer, request) => {
      await answer.wait(door.opened)
      await chat()(answer, request)
    })
    const before = upstream.requests.length
    const first = asked('one')
    await until(() => upstream.requests.length === before + 1)
    const waiting = await stream(gateway, { model: 'one' })
    await until(() => waiting.frames.length > 0)
    expect(waiting.frames[0]?.text).toStartWith(':')
    door.open()
    await waiting.ended
    expect([waiting.content(), (await first).status]).toEqual(['Hello there.', 200])
  })
})

describe('a slot', () => {
  test('is held by a stream until it ends', async () => {
    const door = gate()
    const held: Script = async (answer, request) => {
      answer.head(200, { 'content-type': 'text/event-stream' })
      await answer.write(
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"v","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n',
      )
      await answer.wait(door.opened)
      await answer.write(
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"v","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
      )
      answer.end()
      void request
    }
    upstream.become(held)
    const streamed = await stream(gateway, { model: 'held' })
    await until(() => streamed.content() === 'x')
    const refused = await asked('held')
    expect([refused.status, openAi(refused.text).message]).toEqual([429, expect.stringContaining('concurrency')])
    door.open()
    await streamed.ended
    upstream.become(chat())
    expect((await asked('held')).status).toBe(200)
  })

  test('comes back from a client that leaves, a refusal, and a vendor that is not heard', async () => {
    for (const script of [refuse(500), refuse(401), neverHeaders]) {
      upstream.become(script)
      const leaver = new AbortController()
      setTimeout(() => leaver.abort(), 120)
      await ask(gateway, { model: 'held', stream: true }, { signal: leaver.signal }).then(
        answer => answer.text(),
        () => undefined,
      )
    }
    upstream.become(chat())
    expect((await asked('held')).status).toBe(200)
  })
})

test('`random` passes over a model that cannot admit now', async () => {
  upstream.become(chat())
  expect((await asked('random-pair')).status).toBe(200)
  const second = await asked('random-pair')
  expect([second.status, modelAt(upstream.requests.at(-1)!)]).toEqual([200, 'second'])
  for (let turn = 0; turn < 10; turn++) {
    const answer = await asked('random')
    expect(answer.status).toBe(200)
    expect(answer.ms).toBeLessThan(700)
  }
})
