/** The gateway as a process: how it exits, what it logs, how much load it bears. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { rawClient } from '../support/raw-client.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatChunks,
  disconnectAfter,
  frameOf,
  hangUp,
  neverRespond,
  refuse,
  replyChat,
  replyHtml,
  replyJson,
  stallAfter,
} from '../support/upstream-scripts.ts'
import { createLatch, resultWithin, waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
})
afterAll(() => upstream.close())

const configOf = (more: object = {}) => ({
  services: {
    openai: [
      {
        enabled: true,
        id: 'vendor',
        models: ['m'],
        model_map: { m: 'vendor-m' },
        server_url: `${upstream.url}/v1`,
        credentials: { api_key: 'sk-canary' },
      },
    ],
  },
  ...more,
})
const start = (more: object = {}, args: string[] = []) => startGateway(configOf(more), { args })
const frames = chatChunks()
/** Sends the first two frames, and the others once `opened` resolves. */
const replyHeldUntil =
  (opened: Promise<void>): Script =>
  async answer => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const frame of frames.slice(0, 2)) await answer.write(frameOf(frame))
    await answer.wait(opened)
    for (const frame of [...frames.slice(2), 'data: [DONE]\n\n']) await answer.write(frameOf(frame))
    answer.end()
  }
const isRefusedAt = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
const lineWith = (gateway: Gateway, id: string | null) =>
  waitUntil(() => linesOf(gateway.stdout()).find(line => line['id'] === id)) as Promise<Record<string, unknown>>

describe('on SIGTERM', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${signal} makes the gateway accept no more connections, finish open requests and exit with 0`, async () => {
      await using gateway = await start()
      const latch = createLatch()
      upstream.setScript(replyHeldUntil(latch.opened))
      const streams = await Promise.all([1, 2, 3].map(() => openStream(gateway, { model: 'm' })))
      await waitUntil(() => streams.every(one => one.content() === 'Hello'))
      const unstreamedLatch = createLatch()
      upstream.setScript(async (answer, request) => {
        await answer.wait(unstreamedLatch.opened)
        await replyChat()(answer, request)
      })
      const before = upstream.requests.length
      const unstreamed = sendRequest(gateway, { model: 'm' }).then(answer => answer.json())
      await waitUntil(() => upstream.requests.length > before)
      process.kill(gateway.pid, signal)
      await waitUntil(() => isRefusedAt(gateway.port), 1000)
      await Bun.sleep(100)
      latch.open()
      unstreamedLatch.open()
      await Promise.all(streams.map(one => one.ended))
      for (const one of streams) expect([one.content(), one.data().at(-1)]).toEqual(['Hello there.', '[DONE]'])
      expect(await unstreamed).toMatchObject({ model: 'm' })
      const { code, stdout } = await gateway.exited
      expect(code).toBe(0)
      const lines = linesOf(stdout)
      expect(lines.filter(({ message, status }) => message === 'request' && status === 200)).toHaveLength(4)
      expect(lines).toContainEqual(expect.objectContaining({ message: 'shutting down', open: 4 }))
    })

  test('during shutdown a new request on an open connection gets a 503, and /readyz reports draining', async () => {
    await using gateway = await start()
    const latch = createLatch()
    upstream.setScript(replyHeldUntil(latch.opened))
    const chatClient = rawClient(gateway.port)
    const readyClient = rawClient(gateway.port)
    const body = '{"model":"m","messages":[{"role":"user","content":"x"}]}'
    const post = `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const streamed = await openStream(gateway, { model: 'm' })
    chatClient.send('POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n')
    readyClient.send('GET /readyz HTTP/1.1\r\n')
    await Bun.sleep(50)
    process.kill(gateway.pid, 'SIGTERM')
    await waitUntil(() => isRefusedAt(gateway.port), 1000)
    chatClient.send(post.slice(post.indexOf('content-length')))
    readyClient.send('Host: a\r\n\r\n')
    await waitUntil(() => chatClient.text().includes('shutting down') && readyClient.text().includes('draining'), 2000)
    expect([chatClient.text().slice(9, 12), readyClient.text().slice(9, 12)]).toEqual(['503', '503'])
    latch.open()
    await streamed.ended
    expect((await gateway.exited).code).toBe(0)
  })

  test('SIGTERM ends a gateway without open requests at once, with exit code 0', async () => {
    await using gateway = await start()
    const startedAt = performance.now()
    expect((await gateway.stop()).code).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(1500)
  })

  test('a request still open after shutdown_timeout ends with an error for its client, and the exit code is 0', async () => {
    await using gateway = await start({ shutdown_timeout: 0.4 })
    upstream.setScript(stallAfter(2))
    const streamed = await openStream(gateway, { model: 'm' })
    await waitUntil(() => streamed.content() === 'Hello')
    upstream.setScript(neverRespond)
    const { length } = upstream.requests
    const waiting = sendRequest(gateway, { model: 'm' })
    await waitUntil(() => upstream.requests.length > length)
    const startedAt = performance.now()
    process.kill(gateway.pid, 'SIGTERM')
    await streamed.ended
    const answer = await waiting
    expect(answer.status).toBe(503)
    expect(JSON.parse(streamed.data().at(-1)!)).toMatchObject({
      error: { message: expect.stringContaining('shutting down') },
    })
    expect(streamed.data()).not.toContain('[DONE]')
    expect((await gateway.exited).code).toBe(0)
    expect(performance.now() - startedAt).toBeGreaterThan(350)
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })

  test('a second SIGTERM ends the gateway at once', async () => {
    await using gateway = await start()
    upstream.setScript(stallAfter(2))
    const streamed = await openStream(gateway, { model: 'm' })
    process.kill(gateway.pid, 'SIGTERM')
    await waitUntil(() => isRefusedAt(gateway.port), 1000)
    // A signal that arrives sooner is taken for the first one again, as npm forwards it.
    await Bun.sleep(600)
    process.kill(gateway.pid, 'SIGTERM')
    const ended = await resultWithin(gateway.exited, 1000)
    expect(ended).toBeDefined()
    expect(ended?.code).not.toBe(0)
    await streamed.ended
  })
})

describe('the log', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await start()
  })
  afterAll(() => gateway.stop())

  test('the log has one JSON line for each request, with everything an operator needs', async () => {
    upstream.setScript(replyChat())
    for (const streamed of [false, true]) {
      const answer = await sendRequest(gateway, { model: 'm', stream: streamed })
      await answer.text()
      const id = answer.headers.get('x-request-id')
      expect(id).toMatch(/^req_[0-9a-f]{32}$/)
      const line = await lineWith(gateway, id)
      expect(line).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        level: 'info',
        message: 'request',
        method: 'POST',
        path: '/v1/chat/completions',
        caller: 'anonymous',
        model: 'm',
        target: expect.stringMatching(/^vendor\/[0-9a-f]{8}\/vendor-m$/),
        status: 200,
        tokens: { input: 5, output: 3 },
        ms: { first: expect.any(Number), total: expect.any(Number) },
        ...(streamed && { stream: true }),
      })
      expect(linesOf(gateway.stdout()).filter(other => other['id'] === id)).toHaveLength(1)
    }
  })

  test('the log names the losses of a request', async () => {
    const lossyScript: Script = async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write(frameOf(frames[0]!))
      await answer.write('data: this is no JSON\n\n')
      for (const frame of [...frames.slice(1), 'data: [DONE]\n\n']) await answer.write(frameOf(frame))
      answer.end()
    }
    upstream.setScript(lossyScript)
    const answer = await sendRequest(gateway, { model: 'm', stream: true })
    await answer.text()
    expect(await lineWith(gateway, answer.headers.get('x-request-id'))).toMatchObject({
      losses: [expect.stringContaining('JSON')],
    })
  })

  for (const [name, script, status, code] of [
    ['a refusal', refuse(400), 400, 'upstream_refused'],
    ['a server error of the vendor', refuse(500), 500, 'upstream_failed'],
    ['an HTML page', replyHtml(), 502, 'upstream_failed'],
    ['a vendor that closes the connection', hangUp, 502, 'upstream_failed'],
    ['a refusal of our key', refuse(401), 502, 'upstream_credentials'],
  ] as const)
    test(`the log has the status and error code of ${name}`, async () => {
      upstream.setScript(script)
      const answer = await sendRequest(gateway, { model: 'm' })
      await answer.text()
      expect(answer.status).toBe(status)
      const line = await lineWith(gateway, answer.headers.get('x-request-id'))
      expect(line).toMatchObject({
        level: status >= 500 ? 'error' : 'warn',
        status,
        error: { code },
        target: expect.any(String),
      })
    })

  test('the log reports a stream that broke after its status 200 as an error', async () => {
    upstream.setScript(disconnectAfter(2))
    const streamed = await openStream(gateway, { model: 'm' })
    await streamed.ended
    expect(await lineWith(gateway, streamed.headers.get('x-request-id'))).toMatchObject({
      status: 502,
      stream: true,
      error: { code: 'upstream_failed' },
    })
  })

  test('the log never holds a prompt, an answer or a key', async () => {
    upstream.setScript(replyChat(chatChunks(['canary-answer'])))
    for (const body of [{ stream: true }, { stream: false }, { messages: 'canary-shape' }, { model: 'nobody' }])
      await (
        await sendRequest(gateway, {
          model: 'm',
          user: 'canary-user',
          messages: [{ role: 'user', content: 'canary-prompt' }],
          ...body,
        })
      ).text()
    const refused = refuse(400, { error: { message: 'bad key sk-canary for canary-vendor-word' } })
    upstream.setScript(refused)
    const last = await sendRequest(gateway, { model: 'm' })
    await last.text()
    await lineWith(gateway, last.headers.get('x-request-id'))
    expect(gateway.stdout()).not.toMatch(/canary-(prompt|answer|user|shape)|sk-canary/)
  })

  test('the log holds prompts where `log_prompts` asks for them, and a warning at start says so', async () => {
    await using promptGateway = await start({ log_prompts: true })
    upstream.setScript(replyChat())
    const answer = await sendRequest(promptGateway, {
      model: 'm',
      messages: [{ role: 'user', content: 'told "aloud"\n' }],
    })
    await answer.text()
    const line = await lineWith(promptGateway, answer.headers.get('x-request-id'))
    expect(JSON.parse(line['prompt'] as string)).toMatchObject({ messages: [{ content: 'told "aloud"\n' }] })
    expect(promptGateway.stderr()).toContain('log_prompts')
  })

  test('the log at level `warn` has only failed requests, and at level `error` only server errors', async () => {
    for (const [level, expectedStatuses] of [
      ['warn', [404, 500]],
      ['error', [500]],
    ] as const) {
      await using quiet = await start({ log_level: 'debug' }, ['--log-level', level])
      upstream.setScript(replyChat())
      await (await sendRequest(quiet, { model: 'm' })).text()
      await (await sendRequest(quiet, { model: 'nobody' })).text()
      upstream.setScript(refuse(500))
      await (await sendRequest(quiet, { model: 'm' })).text()
      const { stdout } = await quiet.stop()
      expect(linesOf(stdout).map(({ status }) => status)).toEqual([...expectedStatuses])
    }
  })
})

describe('under load', () => {
  test('600 parallel streams all flow, frame by frame', async () => {
    await using gateway = await start()
    const latch = createLatch()
    upstream.setScript(replyHeldUntil(latch.opened))
    const before = upstream.requests.length
    // Bare sockets, because the fetch of this process is limited to 256 parallel requests.
    const body = '{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}'
    const text = `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const clients = Array.from({ length: 600 }, () => rawClient(gateway.port, text))
    await waitUntil(() => clients.every(client => client.text().includes('"Hello"')), 8000)
    expect(upstream.requests.length - before).toBe(600)
    expect(clients.filter(client => client.text().includes('[DONE]'))).toEqual([])
    latch.open()
    await waitUntil(() => clients.every(client => client.text().includes('data: [DONE]\n\n')), 8000)
    for (const client of clients) client.socket.destroy()
    const { stdout, stderr } = await gateway.stop()
    expect(linesOf(stdout).filter(({ status }) => status === 200)).toHaveLength(600)
    expect(stderr).not.toMatch(/error|unhandled/i)
  }, 20_000)

  test('malformed requests and failing vendors leave no stray error and no leaked slot, and the gateway still serves', async () => {
    await using gateway = await start({
      max_body: 50_000,
      heartbeat: 0.1,
      timeouts: { connect: 1, first_byte: 0.5, idle: 0.5 },
    })
    const body = '{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}'
    const requestHead = `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n`
    const malformedRequests = [
      'GET',
      '\r\n\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      `${requestHead}content-length: ${body.length + 100}\r\n\r\n${body}`,
      `${requestHead}content-length: -1\r\n\r\n`,
      `${requestHead}transfer-encoding: chunked\r\n\r\nzz\r\n`,
      `${requestHead}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n`,
      `${requestHead}content-type: multipart/form-data\r\ncontent-length: 3\r\n\r\nabc`,
      `${requestHead}content-type: multipart/form-data; boundary=x\r\ncontent-length: 9\r\n\r\n--x\r\n\r\n--`,
      `${requestHead}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc`,
      `${requestHead}content-length: 4\r\n\r\nnull`,
      `${requestHead}content-length: 2\r\n\r\n[]`,
      `GET /v1/models/%ff HTTP/1.1\r\nHost: a\r\n\r\n`,
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      `${requestHead}x-long: ${'y'.repeat(30_000)}\r\n\r\n`,
      `${requestHead}content-length: 60000\r\n\r\n${'z'.repeat(60_000)}`,
    ]
    const scripts = [
      replyChat(),
      disconnectAfter(1),
      disconnectAfter(3),
      hangUp,
      neverRespond,
      stallAfter(2),
      replyHtml(),
      replyJson(null),
      replyJson([]),
      refuse(429),
    ]
    for (const [index, text] of [...malformedRequests, ...malformedRequests].entries()) {
      upstream.setScript(scripts[index % scripts.length]!)
      const clients = [
        rawClient(gateway.port, text),
        rawClient(gateway.port, `${requestHead}content-length: ${body.length}\r\n\r\n${body}`),
      ]
      await Bun.sleep(15)
      for (const { socket } of clients)
        if (index % 2 === 0) socket.resetAndDestroy()
        else socket.destroy()
    }
    await Bun.sleep(700)
    upstream.setScript(replyChat())
    expect((await sendRequest(gateway, { model: 'm' })).status).toBe(200)
    const { code, stdout, stderr } = await gateway.stop()
    expect(code).toBe(0)
    expect(stdout).not.toContain('stray fault')
    expect(linesOf(stdout).filter(line => (line['error'] as { code?: string })?.code === 'internal')).toEqual([])
    expect(stderr.split('\n').filter(line => /error|reject|TypeError|at .*\(/i.test(line))).toEqual([])
  })
})
