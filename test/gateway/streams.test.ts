/** Streams through the whole gateway, against a vendor that follows a script. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type PerModelUpstream, perModelUpstream } from '../support/per-model-upstream.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { unresponsivePort } from '../support/unresponsive-port.ts'
import {
  chatChunks,
  delayHeaders,
  disconnectAfter,
  frameOf,
  neverRespond,
  refuse,
  replyChat,
  replyEmpty,
  replyHtml,
  replyJson,
  replySse,
  replyText,
  stallAfter,
} from '../support/upstream-scripts.ts'
import { createLatch, resultWithin, waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
let perModel: PerModelUpstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  perModel = await perModelUpstream()
  gateway = await startGateway({
    heartbeat: 0.5,
    timeouts: { connect: 1, first_byte: 2, idle: 1 },
    services: {
      openai: [
        { enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'sk-canary-1' } },
        { enabled: true, models: [perModel.modelPattern], server_url: `${perModel.url}/v1` },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
  await perModel.close()
})

const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'vendor-m',
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
})
const contentChunk = (content: string) => chunk({ content })
const streamFrom = async (script: Script, body: object = {}) => {
  upstream.setScript(script)
  const answer = await openStream(gateway, { model: 'm', ...body })
  await answer.ended
  return answer
}
/** Like `streamFrom`, with a model of its own. `vendor` is the request that the vendor received. */
const streamFromOwnModel = async (script: Script) => {
  const model = perModel.addModel(script)
  const answer = await openStream(gateway, { model })
  await answer.ended
  return { ...answer, vendor: perModel.requestsOf(model).at(-1)! }
}
const parsedChunks = (data: string[]) => data.filter(text => text !== '[DONE]').map(text => JSON.parse(text))
const finishReasons = (data: string[]) =>
  parsedChunks(data)
    .flatMap(({ choices }) => choices?.map((choice: { finish_reason: unknown }) => choice.finish_reason) ?? [])
    .filter(Boolean)

describe('streams', () => {
  test("a stream has the client's model name, one finish reason and one [DONE]", async () => {
    const answer = await streamFrom(replyChat())
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
    expect(answer.content()).toBe('Hello there.')
    expect(new Set(parsedChunks(answer.data()).map(({ model }) => model))).toEqual(new Set(['m']))
    expect(finishReasons(answer.data())).toEqual(['stop'])
    expect(answer.data().filter(text => text === '[DONE]')).toHaveLength(1)
    expect(answer.data().at(-1)).toBe('[DONE]')
  })

  test('a stream is forwarded frame by frame as it arrives, including the finish reason', async () => {
    const latches = [createLatch(), createLatch(), createLatch()]
    upstream.setScript(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(frameOf(contentChunk('one')))
      await answer.wait(latches[0]!.opened)
      await answer.write(frameOf(contentChunk('two')))
      await answer.wait(latches[1]!.opened)
      await answer.write(frameOf(chunk({}, 'stop')))
      await answer.wait(latches[2]!.opened)
      await answer.write('data: [DONE]\n\n')
      answer.end()
    })
    const answer = await openStream(gateway, { model: 'm' })
    await waitUntil(() => answer.content() === 'one')
    latches[0]!.open()
    await waitUntil(() => answer.content() === 'onetwo')
    latches[1]!.open()
    await waitUntil(() => finishReasons(answer.data()).length === 1, 1500)
    expect(answer.data()).not.toContain('[DONE]')
    latches[2]!.open()
    await answer.ended
    expect(answer.data().at(-1)).toBe('[DONE]')
  })

  test('a stream is requested with usage, and the usage chunk is dropped for a client that did not ask for it', async () => {
    const withoutUsage = await streamFrom(replyChat())
    expect((upstream.requests.at(-1)!.json() as { stream_options: unknown }).stream_options).toEqual({
      include_usage: true,
    })
    expect(parsedChunks(withoutUsage.data()).some(({ usage }) => usage)).toBe(false)
    const withUsage = await streamFrom(replyChat(), { stream_options: { include_usage: true } })
    expect(parsedChunks(withUsage.data()).at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 8 } })
  })

  test('a stream is requested again without usage from a vendor that refuses the usage option', async () => {
    const before = upstream.requests.length
    const answer = await streamFrom((answer, request) => {
      const { stream_options } = request.json() as { stream_options?: object }
      return (
        stream_options
          ? refuse(400, { error: { message: 'Unknown parameter: stream_options' } })
          : replySse(chatChunks())
      )(answer, request)
    })
    expect(answer.content()).toBe('Hello there.')
    expect(upstream.requests.length - before).toBe(2)
  })

  test('a stream whose [DONE] arrives before the last bytes keeps its connection alive', async () => {
    const slowEnd: Script = async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write([contentChunk('a'), chunk({}, 'stop'), 'data: [DONE]\n\n'].map(frameOf).join(''))
      await answer.wait(100)
      answer.end()
    }
    const { length } = upstream.requests
    await streamFrom(slowEnd)
    await Bun.sleep(200)
    await streamFrom(slowEnd)
    const [first, second] = upstream.requests.slice(length)
    expect(second!.connection).toBe(first!.connection)
  })

  test('a stream without [DONE] ends normally when every choice has a finish reason', async () => {
    const answer = await streamFrom(replySse([contentChunk('hi'), chunk({}, 'stop')], { done: false }))
    expect(finishReasons(answer.data())).toEqual(['stop'])
    expect(answer.data().at(-1)).toBe('[DONE]')
  })

  test('a stream has one finish reason when the vendor repeats it', async () => {
    const answer = await streamFrom(replySse([contentChunk('hi'), chunk({}, 'stop'), chunk({}, 'stop')]))
    expect(finishReasons(answer.data())).toEqual(['stop'])
  })

  test.concurrent('a stream ends with [DONE] even if the vendor keeps its connection open', async () => {
    const model = perModel.addModel(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write([contentChunk('a'), chunk({}, 'stop'), 'data: [DONE]\n\n'].map(frameOf).join(''))
      await answer.stall()
    })
    // No deadline of this gateway ends the stream before the test does.
    await using patientGateway = await startGateway({
      timeouts: { first_byte: 600, idle: 600 },
      services: { openai: [{ enabled: true, models: [perModel.modelPattern], server_url: `${perModel.url}/v1` }] },
    })
    const answer = await openStream(patientGateway, { model })
    expect(
      await resultWithin(
        answer.ended.then(() => 'ended'),
        20_000,
      ),
    ).toBe('ended')
    expect(answer.content()).toBe('a')
    expect(answer.data().at(-1)).toBe('[DONE]')
    await perModel.requestsOf(model).at(-1)!.aborted
  }, 30_000)
})

describe('heartbeats', () => {
  test.concurrent('a heartbeat is sent before the vendor has sent its headers, and commits the status 200', async () => {
    const latch = createLatch()
    const model = perModel.addModel(async (answer, request) => {
      await answer.wait(latch.opened)
      await replyChat()(answer, request)
    })
    const answer = await openStream(gateway, { model })
    expect(answer.status).toBe(200)
    await waitUntil(() => answer.frames[0]?.text.startsWith(':'))
    latch.open()
    await answer.ended
    expect(answer.content()).toBe('Hello there.')
    expect(answer.data().at(-1)).toBe('[DONE]')
  })

  test.concurrent('a heartbeat is sent in a pause between frames, never inside a frame', async () => {
    const latch = createLatch()
    const model = perModel.addModel(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(frameOf(contentChunk('half')))
      const text = frameOf(contentChunk(' and half'))
      await answer.write(text.slice(0, 20))
      await answer.wait(latch.opened)
      await answer.write(text.slice(20))
      await answer.write(frameOf(chunk({}, 'stop')))
      answer.end()
    })
    const answer = await openStream(gateway, { model })
    const contentIndex = () => answer.frames.findIndex(({ text }) => text.startsWith('data:'))
    await waitUntil(
      () => contentIndex() >= 0 && answer.frames.slice(contentIndex()).some(({ text }) => text.startsWith(':')),
    )
    latch.open()
    await answer.ended
    expect(answer.content()).toBe('half and half')
    expect(answer.frames.filter(({ text }) => text.startsWith(':')).length).toBeGreaterThan(0)
    for (const { text } of answer.frames) expect(text).toMatch(/^(data: |: ?\w)/)
  })

  test.concurrent('a heartbeat that precedes a failure makes the failure an error in the stream, without [DONE]', async () => {
    const latch = createLatch()
    const model = perModel.addModel(async (answer, request) => {
      await answer.wait(latch.opened)
      await refuse(429, undefined, { 'retry-after': '7' })(answer, request)
    })
    const answer = await openStream(gateway, { model })
    expect(answer.status).toBe(200)
    latch.open()
    await answer.ended
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({ error: { message: expect.any(String) } })
  })
})

describe('deadlines', () => {
  test.concurrent('a deadline for the first byte is a 504 if nothing was sent to the client yet', async () => {
    const model = perModel.addModel(neverRespond)
    const answer = await sendRequest(gateway, { model })
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({
      error: { type: 'server_error', message: expect.stringContaining('2 s') },
    })
    await perModel.requestsOf(model).at(-1)!.aborted
  })

  test.concurrent('a deadline for the first byte of a stream with a heartbeat is an error frame', async () => {
    const answer = await streamFromOwnModel(neverRespond)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({ error: { message: expect.stringContaining('2 s') } })
  })

  test.concurrent("a deadline for silence in mid-stream is an error frame, and the vendor's connection is closed", async () => {
    const answer = await streamFromOwnModel(stallAfter(2, [contentChunk('a'), contentChunk('b')]))
    expect(answer.content()).toBe('ab')
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({
      error: { message: expect.stringContaining('silent for 1 s') },
    })
    expect(finishReasons(answer.data())).toEqual([])
    await answer.vendor.aborted
  })

  test.concurrent('a deadline for silence starts anew with a comment from the vendor', async () => {
    const answer = await streamFromOwnModel(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(frameOf(contentChunk('a')))
      for (let count = 0; count < 8; count++) {
        await answer.wait(300)
        await answer.write(': PROCESSING\n\n')
      }
      await answer.write(frameOf(chunk({}, 'stop')))
      answer.end()
    })
    expect(answer.data().at(-1)).toBe('[DONE]')
  }, 20_000)

  test.concurrent("a deadline is the gateway's own: the idle timeout of Bun's fetch is off", async () => {
    const config = {
      services: { openai: [{ enabled: true, models: [perModel.modelPattern], server_url: `${perModel.url}/v1` }] },
    }
    const otherGateway = await startGateway(config, { env: { BUN_CONFIG_HTTP_IDLE_TIMEOUT: '1' } })
    // Bun's timer turns one second into four to eight.
    expect(
      (await sendRequest(otherGateway, { model: perModel.addModel(delayHeaders(8500, replyChat())) })).status,
    ).toBe(200)
    await otherGateway.stop()
  }, 60_000)

  test.concurrent('a deadline for the connection is a 504 for a vendor that accepts none', async () => {
    const unresponsive = await unresponsivePort()
    const otherGateway = await startGateway({
      timeouts: { connect: 1, first_byte: 30 },
      services: { openai: [{ enabled: true, models: ['m'], server_url: `http://127.0.0.1:${unresponsive.port}/v1` }] },
    })
    const startedAt = performance.now()
    const answer = await sendRequest(otherGateway, { model: 'm' })
    expect(answer.status).toBe(504)
    expect(await answer.text()).toContain('could not be reached within 1 s')
    expect(performance.now() - startedAt).toBeLessThan(15_000)
    await otherGateway.stop()
    unresponsive.close()
  }, 30_000)
})

describe('failures', () => {
  test('a failure before the first content keeps its status, even inside a stream', async () => {
    upstream.setScript(
      replySse([{ error: { message: 'too long', type: 'invalid_request_error', code: 400 } }], { done: false }),
    )
    const answer = await sendRequest(gateway, { model: 'm', stream: true })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('too long') } })
  })

  test('a failure in the first bytes is reported at once, even if the vendor keeps its connection open', async () => {
    const fault = frameOf({ error: { message: 'too long', type: 'invalid_request_error', code: 400 } })
    const heldScript: Script = async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(fault)
      await answer.stall()
    }
    upstream.setScript(heldScript)
    const { status } = await sendRequest(gateway, { model: 'm', stream: true })
    expect(status).toBe(400)
    await upstream.requests.at(-1)!.aborted
  })

  test('a failure to pass on a header that holds a secret does not disturb the stream', async () => {
    const answer = await streamFrom(replySse(chatChunks(), { headers: { 'x-ratelimit-note': 'for sk-canary-1' } }))
    expect(answer.status).toBe(200)
    expect(answer.headers.has('x-ratelimit-note')).toBe(false)
    expect(answer.data().at(-1)).toBe('[DONE]')
  })

  test('a failure after the first content is an error in the stream, redacted, and no content follows', async () => {
    const fault = { error: { message: 'overloaded; your key was sk-canary-1', type: 'server_error', code: 503 } }
    const answer = await streamFrom(replySse([contentChunk('a'), fault, contentChunk('b')]))
    expect(answer.content()).toBe('a')
    const last = answer.data().at(-1)!
    expect(last).toContain('overloaded')
    expect(last).not.toContain('sk-canary-1')
  })

  test('a failure by a cut connection after content is an error frame without finish reason and [DONE]', async () => {
    const answer = await streamFrom(disconnectAfter(2, [contentChunk('a'), contentChunk('b')]))
    expect(answer.content()).toBe('ab')
    expect(JSON.parse(answer.data().at(-1)!)).toHaveProperty('error.message')
    expect(finishReasons(answer.data())).toEqual([])
  })

  test('a failure by a cut connection before content is a 502', async () => {
    upstream.setScript(disconnectAfter(1, [chunk({ role: 'assistant' })]))
    expect((await sendRequest(gateway, { model: 'm', stream: true })).status).toBe(502)
  })

  const wrongAnswers: [name: string, script: Script, status: number][] = [
    ['an HTML page with 502', replyHtml(), 502],
    ['an HTML page with 200', replyHtml(200), 502],
    ['plain text with 200', replyText(), 502],
    ['an empty answer', replyEmpty(), 502],
    ['a 503 in plain text', replyText(503, 'no healthy upstream'), 503],
    ['a redirect', refuse(302, {}, { location: 'http://elsewhere.example/' }), 502],
    ['a JSON error with 200', replyJson({ error: { message: 'no', code: 429 } }), 429],
  ]
  for (const [name, script, status] of wrongAnswers) {
    for (const streamed of [false, true]) {
      test(`a failure of the vendor (${name}) is an error in OpenAI's shape, ${streamed ? 'streamed' : 'not streamed'}`, async () => {
        upstream.setScript(script)
        const answer = await sendRequest(gateway, { model: 'm', stream: streamed })
        expect(answer.status).toBe(status)
        expect(answer.headers.get('content-type')).toContain('application/json')
        expect(await answer.json()).toMatchObject({ error: { message: expect.any(String), type: expect.any(String) } })
      })
    }
  }

  test('a failure to answer in the requested form is repaired: a stream for a non-streaming request is collected', async () => {
    upstream.setScript(replySse(chatChunks()))
    const answer = await sendRequest(gateway, { model: 'm' })
    expect(await answer.json()).toMatchObject({
      object: 'chat.completion',
      model: 'm',
      choices: [{ message: { content: 'Hello there.' }, finish_reason: 'stop' }],
      usage: { total_tokens: 8 },
    })
  })

  test('a failure to answer in the requested form is repaired: a complete answer for a streaming request is streamed', async () => {
    const answer = await streamFrom((answer, request) => replyJson({ ...completeAnswer(), id: 'x' })(answer, request))
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
    expect(answer.content()).toBe('Hello there.')
    expect(finishReasons(answer.data())).toEqual(['stop'])
    expect(answer.data().at(-1)).toBe('[DONE]')
  })
})

const completeAnswer = () => ({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'v',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there.' }, finish_reason: 'stop' }],
})
