/**
 * Every path of the gateway as a client sees it: the aliases of each path, methods, CORS, and unusual requests on a
 * bare socket.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sendRequest } from '../support/client.ts'
import { type Gateway, startGateway, waitForLogLine } from '../support/gateway-process.ts'
import { rawClient } from '../support/raw-client.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, refuse, replyChat, replyJson, replySse } from '../support/upstream-scripts.ts'
import { createLatch, resultWithin, waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  gateway = await startGateway({
    max_body: 100_000,
    allowed_hosts: ['a.test'],
    allowed_origins: ['https://page.test'],
    default_model: 'm',
    services: {
      openai: [
        { ...entry, models: ['m', 'owner/big-model'], model_map: { m: 'vendor-m' } },
        { ...entry, models: ['own'], model_map: { own: 'vendor-own' }, speaks: ['my/custom', '/v1/videos/'] },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const url = (path: string) => `${gateway.url}${path}`
const get = (path: string, options: RequestInit = {}) => fetch(url(path), { proxy: false, ...options } as RequestInit)
const errorOf = async (response: Response) =>
  ((await response.json()) as { error: Record<string, unknown> }).error as {
    message: string
    type: string
    param: unknown
    code: unknown
  }
/** Sends a request to `path`, with `script` as the vendor, and returns the response and what the vendor received. */
const exchange = async (path: string, script: Script, body: object, options: RequestInit = {}) => {
  upstream.setScript(script)
  const before = upstream.requests.length
  const response = await sendRequest(gateway, { messages: undefined, ...body }, { path, ...options })
  return { response, received: () => upstream.requests[before] as ReceivedRequest }
}

describe('Chat Completions', () => {
  const messages = [{ role: 'user', content: 'Hi' }]
  for (const path of [
    '/v1/chat/completions',
    '/chat/completions',
    '/v1',
    '/v1/',
    '/v1/anything/chat/completions',
    '/v1/v1/chat/completions',
    '/v1/chat/completions/',
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/api/paas/v4/chat/completions',
    '/v1/chat/completions?beta=true',
  ])
    test(`Chat Completions is served at ${path}`, async () => {
      const { response, received } = await exchange(path, replyChat(), { model: 'm', messages })
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ model: 'm', choices: [{ message: { content: 'Hello there.' } }] })
      expect(received().path).toBe('/v1/chat/completions')
    })

  for (const [path, model] of [
    ['/openai/deployments/m/chat/completions?api-version=2024-10-21', 'm'],
    ['/openai/deployments/owner/big-model/chat/completions?api-version=2024-10-21', 'owner/big-model'],
    ['/openai/deployments/owner%2Fbig-model/chat/completions', 'owner/big-model'],
  ] as const)
    test(`Chat Completions is served at ${path}, where the path names the model, whatever the body says`, async () => {
      for (const bodyModel of [{}, { model: 'another' }]) {
        const { response, received } = await exchange(path, replyChat(), { messages, ...bodyModel })
        expect(((await response.json()) as { model: string }).model).toBe(model)
        expect(received().json()).toMatchObject({ model: model === 'm' ? 'vendor-m' : model })
      }
    })

  test('a deployment path with invalid percent-encoding is a 400', async () => {
    const { response } = await exchange('/openai/deployments/%zz/chat/completions', replyChat(), { messages })
    expect([response.status, (await errorOf(response)).type]).toEqual([400, 'invalid_request_error'])
  })

  test('a chat request without a model gets `default_model`', async () => {
    const { response, received } = await exchange('/v1/chat/completions', replyChat(), { messages })
    expect(((await response.json()) as { model: string }).model).toBe('m')
    expect(received().json()).toMatchObject({ model: 'vendor-m' })
  })
})

describe('passthrough endpoints', () => {
  const usage = { prompt_tokens: 3, total_tokens: 3 }

  test('a passthrough endpoint answers completions that are not streamed', async () => {
    const answer = {
      id: 'c',
      object: 'text_completion',
      created: 1,
      model: 'vendor-m',
      choices: [{ text: 'on a time', index: 0, logprobs: null, finish_reason: 'stop' }],
      usage,
    }
    const { response, received } = await exchange('/v1/completions', replyJson(answer), {
      model: 'm',
      prompt: 'Once',
      best_of: 2,
    })
    expect(await response.json()).toEqual({ ...answer, model: 'm' })
    expect([received().path, received().json()]).toEqual([
      '/v1/completions',
      { model: 'vendor-m', prompt: 'Once', best_of: 2 },
    ])
  })

  test('a passthrough endpoint streams completions with one [DONE], and with usage only for a client that asked for it', async () => {
    const chunk = (text: string, finish_reason: string | null = null) => ({
      id: 'c',
      object: 'text_completion',
      created: 1,
      model: 'vendor-m',
      choices: [{ text, index: 0, logprobs: null, finish_reason }],
    })
    const script = replySse([
      chunk('on '),
      chunk('a time', 'stop'),
      { ...chunk(''), choices: [], usage: { ...usage, completion_tokens: 2 } },
    ])
    for (const asksUsage of [false, true]) {
      const body = {
        model: 'm',
        prompt: 'Once',
        stream: true,
        ...(asksUsage && { stream_options: { include_usage: true } }),
      }
      const { response, received } = await exchange('/v1/completions', script, body)
      const data = (await response.text())
        .split('\n\n')
        .filter(Boolean)
        .map(frame => frame.slice(6))
      expect(data.filter(text => text === '[DONE]')).toHaveLength(1)
      const chunks = data.slice(0, -1).map(text => JSON.parse(text))
      expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe('on a time')
      expect(chunks.map(({ model }) => model)).toEqual(chunks.map(() => 'm'))
      expect(chunks.filter(({ choices }) => choices.length === 0)).toHaveLength(asksUsage ? 1 : 0)
      expect(received().json()).toMatchObject({ stream_options: { include_usage: true } })
    }
  })

  for (const [format, embedding] of [
    ['float', [0.1, -0.25, 1e-7]],
    ['base64', 'AACAPwAAAEA='],
  ] as const)
    test(`a passthrough endpoint returns embeddings as ${format} as the vendor wrote them`, async () => {
      const answer = `{"object":"list","model":"vendor-m","data":[{"object":"embedding","index":0,"embedding":${JSON.stringify(embedding)}}],"usage":{"prompt_tokens":3,"total_tokens":3}}`
      const script: Script = reply => {
        reply.writeHead(200, { 'content-type': 'application/json' })
        void reply.write(answer)
        reply.end()
      }
      const { response, received } = await exchange('/v1/embeddings', script, {
        model: 'm',
        input: 'a',
        encoding_format: format,
      })
      expect(await response.text()).toBe(answer.replace('vendor-m', 'm'))
      expect([received().path, received().json()]).toEqual([
        '/v1/embeddings',
        { model: 'vendor-m', input: 'a', encoding_format: format },
      ])
    })

  for (const [path, body, answer] of [
    ['images/generations', { prompt: 'a cat' }, { created: 1, data: [{ b64_json: 'aGk=' }] }],
    ['moderations', { input: 'x' }, { id: 'mod', model: 'm', results: [{ flagged: false }] }],
    ['rerank', { query: 'q', documents: ['a', 'b'] }, { model: 'm', results: [{ index: 1, relevance_score: 0.5 }] }],
  ] as const) {
    test(`a passthrough endpoint at ${path} passes everything except the model`, async () => {
      const { response, received } = await exchange(`/v1/${path}`, replyJson(answer), { model: 'm', ...body })
      expect([response.status, await response.json()]).toEqual([200, answer])
      expect([received().path, received().json()]).toEqual([`/v1/${path}`, { model: 'vendor-m', ...body }])
    })
    test(`a passthrough endpoint at ${path} is also served below a deployment`, async () => {
      const { response, received } = await exchange(
        `/openai/deployments/m/${path}?api-version=1`,
        replyJson(answer),
        body,
      )
      expect([response.status, received().path]).toEqual([200, `/v1/${path}`])
    })
    test(`a passthrough endpoint at ${path} names a missing field`, async () => {
      const { response } = await exchange(`/v1/${path}`, replyJson(answer), { model: 'm' })
      expect([response.status, (await errorOf(response)).param]).toEqual([400, Object.keys(body)[0]!])
    })
  }

  test('a passthrough endpoint forwards speech as it arrives, byte for byte', async () => {
    const latch = createLatch()
    const audio = new Uint8Array(Array.from({ length: 512 }, (_, index) => index % 256))
    const { response } = await exchange(
      '/v1/audio/speech',
      async answer => {
        answer.writeHead(200, { 'content-type': 'audio/mpeg' })
        await answer.write(audio.subarray(0, 256))
        await answer.wait(latch.opened)
        await answer.write(audio.subarray(256))
        answer.end()
      },
      { model: 'm', input: 'hello', voice: 'alloy' },
    )
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    const reader = response.body!.getReader()
    const first = await resultWithin(reader.read(), 2000)
    expect(first?.value).toEqual(audio.subarray(0, 256))
    latch.open()
    const rest: number[] = []
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) rest.push(...piece.value)
    expect(rest).toEqual([...audio.subarray(256)])
  })

  test("a passthrough endpoint keeps the status of a vendor's refusal", async () => {
    const { response } = await exchange('/v1/embeddings', refuse(422), { model: 'm', input: 'a' })
    expect([response.status, (await errorOf(response)).message]).toEqual([422, 'refused by script'])
  })
})

describe('paths in `speaks`', () => {
  for (const path of ['/v1/my/custom', '/v1/videos', '//v1/my/custom/'])
    test(`${path} in \`speaks\` of an entry passes everything except the model`, async () => {
      const answer = { id: 'x', model: 'vendor-own', anything: [1, 2] }
      const { response, received } = await exchange(path, replyJson(answer), { model: 'own', n: 1 })
      expect([response.status, await response.json()]).toEqual([200, { ...answer, model: 'own' }])
      expect(received().path).toBe(path.includes('videos') ? '/v1/videos' : '/v1/my/custom')
      expect(received().json()).toEqual({ model: 'vendor-own', n: 1 })
    })

  test('a path in `speaks` of an entry passes streams, files and refusals with their status', async () => {
    const { response } = await exchange('/v1/my/custom', replySse([{ piece: 1 }]), { model: 'own', stream: true })
    expect(await response.text()).toBe('data: {"piece":1}\n\ndata: [DONE]\n\n')
    const audio: Script = async reply => {
      reply.writeHead(200, { 'content-type': 'audio/mpeg' })
      await reply.write(new Uint8Array([1, 2, 255]))
      reply.end()
    }
    const file = await exchange('/v1/my/custom', audio, { model: 'own' })
    expect(new Uint8Array(await file.response.arrayBuffer())).toEqual(new Uint8Array([1, 2, 255]))
    const refused = await exchange('/v1/my/custom', refuse(422), { model: 'own' })
    expect([refused.response.status, (await errorOf(refused.response)).message]).toEqual([422, 'refused by script'])
  })

  test('a path in `speaks` of an entry takes only POST, and only for models of services that list it', async () => {
    const getResponse = await get('/v1/my/custom')
    expect([getResponse.status, getResponse.headers.get('allow')]).toEqual([405, 'POST'])
    const { response } = await exchange('/v1/my/custom', replyChat(), { model: 'm' })
    expect([response.status, (await errorOf(response)).type]).toEqual([400, 'invalid_request_error'])
  })
})

describe('paths and methods', () => {
  for (const path of ['/', '/foo', '/v1/unknown', '/v1/chat', '/v1beta/unheard/of', '/docs/nothing', '/healthz/more'])
    test(`the path ${path} is unknown: 404 in OpenAI's error envelope, with CORS headers`, async () => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const response = await get(path, { method })
        expect([method, response.status]).toEqual([method, 404])
        expect(response.headers.get('access-control-allow-origin')).toBe('*')
        const { message, type, code } = await errorOf(response)
        expect({ message, type, code }).toEqual({
          message: `unknown address: ${method} ${path}`,
          type: 'invalid_request_error',
          code: 'not_found',
        })
      }
    })

  for (const path of [
    '/v1/chat/completions',
    '/chat/completions',
    '/v1',
    '/v1/x/chat/completions',
    '/v1/embeddings',
    '/v1/audio/speech',
    '/openai/deployments/m/chat/completions',
    '/openai/deployments/%zz/chat/completions',
  ])
    test(`the path ${path} takes only POST: any other method is a 405 with Allow`, async () => {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
        const response = await get(path, { method })
        expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'POST'])
        if (method !== 'HEAD') expect((await errorOf(response)).code).toBe('method_not_allowed')
      }
    })

  for (const path of ['/v1/models', '/v1/models/m', '/healthz', '/livez', '/readyz', '/docs', '/docs/json'])
    test(`the path ${path} takes only GET and HEAD: any other method is a 405 with Allow`, async () => {
      const getResponse = await get(path)
      const headResponse = await get(path, { method: 'HEAD' })
      expect([getResponse.status, headResponse.status, await headResponse.text()]).toEqual([200, 200, ''])
      expect(headResponse.headers.get('content-type')).toBe(getResponse.headers.get('content-type'))
      for (const method of ['POST', 'DELETE']) {
        const response = await get(path, { method })
        expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
      }
    })

  test('the path /healthz, /livez or /readyz needs no key and answers only the status', async () => {
    for (const path of ['/healthz', '/livez', '/readyz'])
      expect(await (await get(path)).json()).toEqual({ status: 'ok' })
  })

  test.each([
    ['/v1/messages', true],
    ['/v1/messages/count_tokens', true],
    ['/v1/chat/completions', false],
    ['/v1/responses', false],
  ])(
    'an answer of %s repeats its id in `request-id`, where clients of Messages look for it: %s',
    async (path, repeats) => {
      const { headers } = await get(path, { method: 'POST', body: '{}' })
      expect(headers.get('x-request-id')).toBeTruthy()
      expect(headers.get('request-id')).toBe(repeats ? headers.get('x-request-id') : null)
    },
  )

  test('the path of an unknown request is logged, with the request id of the client', async () => {
    const response = await get('/v1/stray?key=canary')
    const id = response.headers.get('x-request-id')!
    const line = await waitForLogLine(gateway, id)
    expect(line).toMatchObject({
      method: 'GET',
      path: '/v1/stray',
      status: 404,
      error: { code: 'not_found' },
    })
    expect(gateway.stdout()).not.toContain('canary')
  })
})

describe('CORS', () => {
  test('a page of an allowed origin may send every header that it names in a preflight request, but no credentials', async () => {
    for (const path of ['/v1/chat/completions', '/v1/models', '/chat/completions', '/v1/embeddings', '/v1']) {
      const response = await get(path, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://page.test',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization, x-stainless-os, x-anything',
        },
      })
      expect([path, response.status]).toEqual([path, 204])
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('access-control-allow-headers')).toBe('authorization, x-stainless-os, x-anything')
      expect(response.headers.get('access-control-allow-methods')).toContain('POST')
      expect(response.headers.has('access-control-allow-credentials')).toBe(false)
    }
  })

  test('a page of an allowed origin may read answers, streams and errors', async () => {
    const headers = { origin: 'https://page.test' }
    const answers = [
      (
        await exchange(
          '/v1/chat/completions',
          replyChat(),
          { model: 'm', messages: [{ role: 'user', content: 'x' }] },
          { headers },
        )
      ).response,
      (await exchange('/v1/chat/completions', replyChat(), { model: 'm', messages: [] }, { headers })).response,
      (
        await exchange(
          '/v1/chat/completions',
          replyChat(),
          { model: 'm', messages: [{ role: 'user', content: 'x' }], stream: true },
          { headers },
        )
      ).response,
      (
        await exchange(
          '/v1/chat/completions',
          replyChat(),
          { model: 'nobody', messages: [{ role: 'user', content: 'x' }] },
          { headers },
        )
      ).response,
      await get('/v1/models', { headers }),
      await get('/v1/models/none', { headers }),
      await get('/v1/none', { headers }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 404, 200, 404, 404])
    const texts = await Promise.all(answers.map(answer => answer.text()))
    expect(JSON.parse(texts[0]!)).toMatchObject({ choices: [{ message: { content: 'Hello there.' } }] })
    expect(texts[2]).toEndWith('data: [DONE]\n\n')
    for (const answer of answers) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-expose-headers')).toBe('*')
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
    }
  })
})

describe('the documentation', () => {
  test('the documentation is a page with no link to another host', async () => {
    const response = await get('/docs')
    expect(response.headers.get('content-type')).toStartWith('text/html')
    const page = await response.text()
    expect(page.match(/(?:https?:)?\/\/[a-z][\w.-]*/gi) ?? []).toEqual([])
    const settings = JSON.parse(/ data-configuration='([^']+)'/.exec(page)![1]!)
    expect(settings).toMatchObject({
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
    })
    const script = /<script[^>]+src="([^"]+)"/.exec(page)?.[1]
    expect(script).toBe('/docs/reference.js')
    const served = await get(script!)
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'text/javascript'])
    expect((await served.text()).length).toBeGreaterThan(100_000)
  })

  test('the documentation has the schema of a chat request, and every passthrough path', async () => {
    const document = (await (await get('/docs/json')).json()) as {
      openapi: string
      paths: Record<
        string,
        { post?: { requestBody: { content: Record<string, { schema: { properties: object; required?: string[] } }> } } }
      >
    }
    expect(document.openapi).toStartWith('3.')
    const schemaAt = (path: string) => Object.entries(document.paths[path]?.post?.requestBody.content ?? {})[0]
    const [type, { schema }] = schemaAt('/v1/chat/completions')!
    expect(type).toBe('application/json')
    for (const field of ['model', 'messages', 'tools', 'stream', 'stop', 'response_format', 'stream_options'])
      expect(schema.properties).toHaveProperty(field)
    expect(schema.required).toContain('messages')
    for (const path of ['completions', 'embeddings', 'moderations', 'rerank', 'images/generations', 'audio/speech'])
      expect([path, schemaAt(`/v1/${path}`)?.[0]]).toEqual([path, 'application/json'])
    for (const path of ['images/edits', 'images/variations', 'audio/transcriptions', 'audio/translations'])
      expect([path, schemaAt(`/v1/${path}`)?.[0]]).toEqual([path, 'multipart/form-data'])
    expect(schemaAt('/v1beta/models/{model}:streamGenerateContent')![1].schema.properties).toHaveProperty('contents')
    for (const path of ['/v1/models', '/v1beta/models', '/healthz', '/livez', '/readyz'])
      expect(document.paths).toHaveProperty([path])
    expect(Object.keys(document.paths).filter(path => path.includes('*') && !path.startsWith('/v1/models/'))).toEqual(
      [],
    )
  })
})

describe('on a bare socket', () => {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] })
  const post = (target: string, headerLines: string, text = body) =>
    `POST ${target} HTTP/1.1\r\n${headerLines}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  const sendRaw = async (text: string) => {
    upstream.setScript(replyChat())
    const client = rawClient(gateway.port, text)
    await waitUntil(() => /\r\n\r\n[\s\S]/.test(client.text()) || client.socket.closed)
    client.socket.destroy()
    return client.text()
  }

  test('a request with two Host headers is refused on every path before it is processed', async () => {
    const before = upstream.requests.length
    for (const hosts of [
      'Host: a.test\r\nHost: b.test\r\n',
      'host: a.test\r\nHOST: a.test\r\n',
      'Host: a.test,b.test\r\n',
    ])
      for (const text of [
        post('/v1/chat/completions', hosts),
        `GET /v1/models HTTP/1.1\r\n${hosts}\r\n`,
        `GET /healthz HTTP/1.1\r\n${hosts}\r\n`,
        `GET /docs HTTP/1.1\r\n${hosts}\r\n`,
      ]) {
        const answer = await sendRaw(text)
        expect(answer).toStartWith('HTTP/1.1 400 ')
        expect(answer).toContain('more than one host')
      }
    expect(upstream.requests.length).toBe(before)
  })

  test('a request without a Host header is refused', async () => {
    expect(await sendRaw(post('/v1/chat/completions', ''))).toStartWith('HTTP/1.1 400 ')
  })

  test('a request with an absolute URL is routed by its path, whatever host it names', async () => {
    expect(await sendRaw(post('http://elsewhere.test/v1/chat/completions?a=1', 'Host: a.test\r\n'))).toStartWith(
      'HTTP/1.1 200 ',
    )
    expect(await sendRaw('GET http://elsewhere.test/v1/models HTTP/1.1\r\nHost: a.test\r\n\r\n')).toContain(
      '"object":"list"',
    )
  })

  test('a Host that is invalid, very short or has a port does no harm', async () => {
    const statusesOf = (hosts: readonly string[]) =>
      Promise.all(
        hosts.map(async host => (await sendRaw(post('/v1/chat/completions?x=1', `Host: ${host}\r\n`))).slice(0, 12)),
      )
    expect(new Set(await statusesOf(['x', 'localhost:1', '[::1]:80']))).toEqual(new Set(['HTTP/1.1 200']))
    expect(new Set(await statusesOf(['a b/@?#', '%00']))).toEqual(new Set(['HTTP/1.1 403']))
  })

  test("a body above `max_body` is a 413 in OpenAI's shape, with Content-Length or chunked", async () => {
    const large = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(120_000) }] })
    const chunked = `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`
    for (const text of [post('/v1/chat/completions', 'Host: a\r\n', large), chunked]) {
      const answer = await sendRaw(text)
      expect(answer).toStartWith('HTTP/1.1 413 ')
      // The answer may be sent in chunks: the connection closes a moment after it.
      expect(JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)).error).toMatchObject({
        code: 'request_too_large',
        type: 'invalid_request_error',
      })
    }
  })

  test('a body whose Content-Length is too large is refused before it is sent', async () => {
    const client = rawClient(
      gateway.port,
      'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\ncontent-length: 9999999999\r\n\r\n{',
    )
    await waitUntil(() => client.text().includes('request_too_large'), 1000)
    client.socket.destroy()
  })

  test('a body of exactly `max_body` is served', async () => {
    const emptyRequest = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: '' }] })
    const exactRequest = emptyRequest.replace('""', JSON.stringify('x'.repeat(100_000 - emptyRequest.length)))
    expect(exactRequest.length).toBe(100_000)
    expect(await sendRaw(post('/v1/chat/completions', 'Host: a\r\n', exactRequest))).toStartWith('HTTP/1.1 200 ')
    expect(await sendRaw(post('/v1/chat/completions', 'Host: a\r\n', `${exactRequest} `))).toStartWith('HTTP/1.1 413 ')
  })

  test('a connection serves one request after another, also after errors', async () => {
    upstream.setScript(replyJson(chatBody()))
    const client = rawClient(gateway.port)
    for (const [text, status] of [
      [post('/v1/chat/completions', 'Host: a\r\n'), 200],
      ['GET /v1/models/none HTTP/1.1\r\nHost: a\r\n\r\n', 404],
      [post('/v1/chat/completions', 'Host: a\r\n', '{'), 400],
      [post('/v1/chat/completions', 'Host: a\r\n'), 200],
    ] as const) {
      const before = client.text().length
      client.send(text)
      await waitUntil(() => /\r\n\r\n[\s\S]/.test(client.text().slice(before)))
      expect(client.text().slice(before)).toStartWith(`HTTP/1.1 ${status} `)
    }
    client.socket.destroy()
  })
})
