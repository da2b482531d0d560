/** Files given by URL for vendors that accept only bytes, and a service whose models use different protocols. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { startHttpProxy, startSocksProxy } from '../support/recording-proxy.ts'
import { type ReceivedRequest, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson, replySse } from '../support/upstream-scripts.ts'

const png = Buffer.from('89504e470d0a1a0a0000', 'hex')
let upstream: Upstream
let gateway: Gateway
let restrictedGateway: Gateway
const fetchedPaths: string[] = []
const fileServer = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ url }) => {
    const { pathname } = new URL(url)
    fetchedPaths.push(pathname)
    if (pathname === '/moved') return Response.redirect('/a.png')
    if (pathname === '/away') return Response.redirect('http://169.254.169.254/latest/meta-data')
    if (pathname === '/page') return new Response('<html>', { headers: { 'content-type': 'text/html' } })
    return pathname === '/a.png'
      ? new Response(png, { headers: { 'content-type': 'application/octet-stream' } })
      : new Response('', { status: 404 })
  },
})
const fileServerUrl = `http://127.0.0.1:${fileServer.port}`

const answers = {
  gemini: { candidates: [{ content: { role: 'model', parts: [{ text: 'a dot' }] }, finishReason: 'STOP', index: 0 }] },
  anthropic: {
    ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'end_turn' },
    content: [{ type: 'text', text: 'a dot' }],
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 2 },
  },
  openai: {
    ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
    choices: [{ index: 0, message: { role: 'assistant', content: 'a dot' }, finish_reason: 'stop' }],
  },
}

/** The answer in the protocol of the requested path. */
const answerFor = (received: ReceivedRequest) => {
  if (received.path.includes('/publishers/google/')) return answers.gemini
  return received.path.includes('/publishers/anthropic/') ? answers.anthropic : answers.openai
}

beforeAll(async () => {
  upstream = await scriptedUpstream((answer, received) => replyJson(answerFor(received))(answer, received))
  const entry = {
    enabled: true,
    models: ['gemini-x', 'claude-x', 'meta/llama-x'],
    server_url: `${upstream.url}/v1`,
    credentials: { project_id: 'p', api_key: 'k' },
  }
  const services = { vertexai: [entry] }
  gateway = await startGateway({ services, media: { allow_private: ['127.0.0.1'] } })
  restrictedGateway = await startGateway({ services })
})
beforeEach(() => {
  fetchedPaths.length = 0
})
afterAll(async () => {
  await Promise.all([gateway.stop(), restrictedGateway.stop(), fileServer.stop(true)])
  await upstream.close()
})

const post = async (path: string, body: object, to = gateway) => {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), proxy: false }
  const response = await fetch(`${to.url}${path}`, options as RequestInit)
  return { status: response.status, text: await response.text() }
}

const sendImage = (model: string, url: string, to = gateway) =>
  post(
    '/v1/chat/completions',
    {
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is it' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    },
    to,
  )

const lastRequest = () => {
  const { path, headers, json } = upstream.requests.at(-1)!
  return { url: path, headers, body: json() as Record<string, unknown> }
}

describe('each model is asked in its own protocol', () => {
  const root = '/v1/projects/p/locations/global'

  test('each model is asked in its own protocol, whatever protocol the client uses', async () => {
    const requests = ['gemini-x', 'claude-x', 'meta/llama-x'].flatMap(model => [
      { model, path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'hi' }] } },
      { model, path: '/v1/messages', body: { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] } },
    ])
    const urls: Record<string, string> = {
      'gemini-x': `${root}/publishers/google/models/gemini-x:generateContent`,
      'claude-x': `${root}/publishers/anthropic/models/claude-x:rawPredict`,
      'meta/llama-x': `${root}/endpoints/openapi/chat/completions`,
    }
    for (const { model, path, body } of requests) {
      const { status, text } = await post(path, { model, ...body })
      expect([path, model, status, text.includes('a dot')]).toEqual([path, model, 200, true])
      expect(lastRequest().url).toBe(urls[model]!)
      expect(lastRequest().headers['x-goog-api-key']).toBe('k')
      expect(lastRequest().body['model']).toBe(model.includes('/') ? model : undefined)
      expect(lastRequest().body['anthropic_version']).toBe(model === 'claude-x' ? 'vertex-2023-10-16' : undefined)
    }
  })

  test('each model is asked in its own protocol, and a stream has a path of its own', async () => {
    const frame = { candidates: [{ content: { role: 'model', parts: [{ text: 'a' }] }, finishReason: 'STOP' }] }
    upstream.setScript(replySse([frame], { done: false }))
    const { text } = await post('/v1/chat/completions', {
      ...{ model: 'gemini-x', stream: true },
      messages: [{ role: 'user', content: 'hi' }],
    })
    upstream.setScript((answer, received) => replyJson(answerFor(received))(answer, received))
    expect(lastRequest().url).toBe(`${root}/publishers/google/models/gemini-x:streamGenerateContent?alt=sse`)
    expect(text).toEndWith('data: [DONE]\n\n')
  })
})

describe('images by URL', () => {
  const data = png.toString('base64')

  test.each(['/a.png', '/moved'])('an image by URL from %s reaches the vendor as bytes', async path => {
    const { status } = await sendImage('gemini-x', fileServerUrl + path)
    expect(status).toBe(200)
    expect(JSON.stringify(lastRequest().body)).toContain(JSON.stringify({ mimeType: 'image/png', data }).slice(1, -1))
    expect(JSON.stringify(lastRequest().body)).not.toContain(fileServerUrl)
  })

  test("an image by URL in Anthropic's protocol reaches a vendor that accepts only bytes as bytes", async () => {
    const source = { type: 'url', url: `${fileServerUrl}/a.png` }
    const { status } = await post('/v1/messages', {
      ...{ model: 'claude-x', max_tokens: 9 },
      messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    })
    expect(status).toBe(200)
    expect(lastRequest().body['messages']).toEqual([
      {
        role: 'user',
        content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }],
      },
    ])
  })

  test('an image by URL stays a URL where the vendor fetches it', async () => {
    await sendImage('meta/llama-x', `${fileServerUrl}/a.png`)
    expect(JSON.stringify(lastRequest().body)).toContain(`${fileServerUrl}/a.png`)
    expect(fetchedPaths).toEqual([])
  })

  test.each([
    ['/gone?token=SECRET', 'its server answered 404'],
    ['/away', 'its host is not on the public internet'],
    ['/page', 'it is text/html, not image/*'],
  ])('an image by URL from %s is a 400 with the reason, and the vendor is not asked', async (path, reason) => {
    const before = upstream.requests.length
    const { status, text } = await sendImage('gemini-x', fileServerUrl + path)
    expect(status).toBe(400)
    const { error } = JSON.parse(text) as { error: { message: string; param: string } }
    expect(error.param).toBe('messages[0].content[1].image_url.url')
    expect(error.message).toBe(`${error.param}: the file could not be fetched: ${reason}`)
    expect(upstream.requests.length).toBe(before)
  })

  test('an image by URL on this machine is refused unless the configuration allows it', async () => {
    for (const url of [
      `${fileServerUrl}/a.png`,
      `http://localhost:${fileServer.port}/a.png`,
      'http://169.254.169.254/',
    ]) {
      const { status, text } = await sendImage('gemini-x', url, restrictedGateway)
      expect(status).toBe(400)
      expect(text).toContain('its host is not on the public internet')
    }
    expect(fetchedPaths).toEqual([])
  })
})

describe('through a proxy', () => {
  const userCredentials = { project_id: 'p', client_id: 'i', client_secret: 'hush-hush', refresh_token: 'refresh-hush' }

  test.each([
    ['http', startHttpProxy],
    ['socks5', startSocksProxy],
  ])(
    '%s proxy: the token request and the model request go through it, the download of a file that a client names does not',
    async (_, startProxy) => {
      const proxy = await startProxy({ hostOverrides: { 'google.test': { host: '127.0.0.1', port: upstream.port } } })
      upstream.setScript((answer, received) =>
        replyJson(
          received.path.endsWith('/token') ? { access_token: 'granted', expires_in: 3600 } : answerFor(received),
        )(answer, received),
      )
      const entry = {
        ...{ enabled: true, models: ['gemini-x'], server_url: 'http://google.test', proxy: proxy.url },
        credentials: { ...userCredentials, token_uri: 'http://google.test/token' },
      }
      const proxiedGateway = await startGateway({
        services: { vertexai: [entry] },
        media: { allow_private: ['127.0.0.1'] },
      })
      const before = upstream.requests.length
      for (let round = 0; round < 2; round++)
        expect((await sendImage('gemini-x', `${fileServerUrl}/a.png`, proxiedGateway)).status).toBe(200)
      const vendorRequests = upstream.requests.slice(before)
      expect(
        vendorRequests.map(({ path }) =>
          path
            .replace(/^.*:\/\/[^/]*/, '')
            .split('/')
            .at(1),
        ),
      ).toEqual(['token', 'v1', 'v1'])
      expect(vendorRequests.at(-1)!.headers['authorization']).toBe('Bearer granted')
      expect(proxy.requests.every(({ target }) => target.includes('google.test'))).toBe(true)
      expect(proxy.requests.length).toBeGreaterThan(0)
      expect(fetchedPaths).toEqual(['/a.png', '/a.png'])
      await Promise.all([proxiedGateway.stop(), proxy.close()])
    },
  )

  test('a credential that Google refuses is a 502 that does not show it', async () => {
    upstream.setScript((answer, received) =>
      replyJson({ error: 'invalid_grant', error_description: 'refresh-hush' }, 400)(answer, received),
    )
    const credentials = { ...userCredentials, token_uri: `${upstream.url}/token` }
    const entry = { enabled: true, models: ['gemini-x'], server_url: upstream.url, credentials }
    const refusedGateway = await startGateway({ services: { vertexai: [entry] } })
    const { status, text } = await sendImage('gemini-x', 'data:image/png;base64,AAAA', refusedGateway)
    expect(status).toBe(502)
    expect(text).toContain('invalid_grant')
    const { stdout, stderr } = await refusedGateway.stop()
    expect(text + stdout + stderr).not.toContain('hush')
  })
})
