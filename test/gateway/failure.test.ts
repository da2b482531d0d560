/**
 * What a client gets when the vendor, the configuration of the gateway or the client itself is at fault, and that it
 * never gets a secret.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, type ScriptedResponse, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatChunks,
  disconnectAfter,
  hangUp,
  refuse,
  replyChat,
  replyHtml,
  replyJson,
  replySse,
  replyText,
  resetOnReuse,
} from '../support/upstream-scripts.ts'

const secrets = {
  key: 'sk-canary-key/with+odd=characters',
  header: 'canary-header-value',
  client: 'canary-client-key',
  other: 'canary-other-client-key',
}
let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  gateway = await startGateway({
    api_key: secrets.client,
    api_keys: [{ api_key: secrets.other, supported_models: { all: ['m', 'gpt-*'] } }],
    log_level: 'debug',
    services: {
      openai: [
        {
          enabled: true,
          models: ['m', 'gpt-x', 'secret-model'],
          server_url: `${upstream.url}/v1`,
          credentials: { api_key: secrets.key },
          headers: { 'x-extra': secrets.header },
        },
        {
          enabled: true,
          models: ['nobody-home'],
          server_url: 'http://127.0.0.1:1/v1',
          credentials: { api_key: secrets.key },
        },
        {
          enabled: true,
          models: ['counted-nobody'],
          server_url: 'http://127.0.0.1:1/v1',
          limit: { tpm: 1000, timeout: 1 },
        },
      ],
      groq: [
        {
          enabled: true,
          models: ['picky'],
          server_url: `${upstream.url}/openai/v1`,
          credentials: { api_key: secrets.key },
        },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const masterHeaders = { authorization: `Bearer ${secrets.client}` }
const exchange = async (script: Script, body: object = {}, headers: Record<string, string> = masterHeaders) => {
  upstream.setScript(script)
  const answer = await sendRequest(gateway, { model: 'm', ...body }, { headers })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}
const errorOf = (text: string) => JSON.parse(text).error

describe("the vendor's status", () => {
  for (const status of [400, 404, 409, 413, 415, 422, 500, 503, 529])
    test(`the vendor's status ${status} stays ${status}, with the vendor's error body`, async () => {
      const body = { error: { message: 'vendor says no', type: 'vendor_type', code: 'vendor_code', param: 'messages' } }
      const answer = await exchange(refuse(status, body))
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.text)).toEqual(body)
    })

  test("the vendor's status 429 keeps its Retry-After", async () => {
    const answer = await exchange(refuse(429, undefined, { 'retry-after': '17' }))
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('17')
  })

  test("the vendor's status 429 has its Retry-After rounded up to whole seconds, as HTTP requires", async () => {
    expect((await exchange(refuse(429, undefined, { 'retry-after': '1.5' }))).headers.get('retry-after')).toBe('2')
  })

  for (const [name, interrupt] of [
    ['is cut off', answer => answer.reset()],
    ['never ends', answer => answer.stall()],
  ] satisfies [string, (answer: ScriptedResponse) => unknown][])
    test(`the vendor's status 429 and its Retry-After survive a body that ${name}`, async () => {
      const answer = await exchange(async answer => {
        answer.writeHead(429, { 'content-type': 'application/json', 'retry-after': '9' })
        await answer.write('{"error":')
        await answer.wait(50)
        await interrupt(answer)
      })
      expect(answer.status).toBe(429)
      expect(answer.headers.get('retry-after')).toBe('9')
    })

  for (const status of [401, 402, 403])
    test(`the vendor's status ${status} is about our key and not the client's: 502 upstream_credentials`, async () => {
      const answer = await exchange(
        refuse(status, { error: { message: `Incorrect API key: ${secrets.key}; masked sk-can****ters` } }),
      )
      expect(answer.status).toBe(502)
      expect(errorOf(answer.text).code).toBe('upstream_credentials')
      expect(answer.text).not.toContain('sk-can')
    })

  const shapes: [name: string, body: unknown, message: string][] = [
    ['a bare string', { error: 'a field is missing' }, 'a field is missing'],
    ['a list', { error: ['first fault', 'second fault'] }, 'first fault'],
    ['a `detail` field', { detail: 'not allowed here' }, 'not allowed here'],
    ['a `message` field', { message: 'message alone' }, 'message alone'],
    ['`code` and `msg` fields', { code: 10012, msg: 'the field is wrong' }, 'the field is wrong'],
  ]
  for (const [name, body, message] of shapes)
    test(`the vendor's status 422 with ${name} as the error is wrapped in OpenAI's error envelope`, async () => {
      const answer = await exchange(refuse(422, body))
      expect(answer.status).toBe(422)
      expect(errorOf(answer.text).message).toContain(message)
    })

  test('an audio answer with status 204 is a 502', async () => {
    upstream.setScript(answer => {
      answer.writeRaw('HTTP/1.1 204 No Content\r\ncontent-type: audio/mpeg\r\n\r\n')
      answer.end()
    })
    const answer = await sendRequest(
      gateway,
      { model: 'm', input: 'x' },
      { path: '/v1/audio/speech', headers: masterHeaders },
    )
    expect([answer.status, errorOf(await answer.text()).code]).toEqual([502, 'upstream_failed'])
  })

  test('a vendor that closes the connection or cannot be reached is a 502', async () => {
    expect((await exchange(hangUp)).status).toBe(502)
    expect((await exchange(replyChat(), { model: 'nobody-home' })).status).toBe(502)
  })

  test('a request on a dead keep-alive connection is retried once', async () => {
    upstream.setScript(resetOnReuse(replyChat()))
    for (let round = 0; round < 3; round++)
      expect((await sendRequest(gateway, { model: 'm' }, { headers: masterHeaders })).status).toBe(200)
  })
})

describe('a vendor that resets connections', () => {
  const startResettingVendor = async () => {
    const vendor = await scriptedUpstream(answer => answer.reset())
    const entry = { enabled: true, server_url: `${vendor.url}/v1` }
    const ownGateway = await startGateway({ services: { openai: [{ ...entry, models: ['m'] }] } })
    const statusOf = async (script: Script, body: object = {}) => {
      vendor.setScript(script)
      const answer = await sendRequest(ownGateway, { model: 'm', ...body })
      await answer.text()
      return answer.status
    }
    const close = async () => {
      await ownGateway.stop()
      await vendor.close()
    }
    return { vendor, statusOf, close }
  }

  test('a vendor that resets the connection receives the request only once, because it may have begun to work', async () => {
    const { vendor, statusOf, close } = await startResettingVendor()
    expect([await statusOf(answer => answer.reset()), vendor.requests.length]).toEqual([502, 1])
    await close()
  })

  test('a vendor that resets the connection receives the request only once after answers whose connections were not kept alive', async () => {
    const { vendor, statusOf, close } = await startResettingVendor()
    const closeDelimited = replyChat(chatChunks(), undefined, { framing: 'close' })
    expect([await statusOf(closeDelimited, { stream: true }), await statusOf(answer => answer.reset())]).toEqual([
      200, 502,
    ])
    expect(vendor.requests).toHaveLength(2)
    await statusOf(disconnectAfter(2, chatChunks()), { stream: true })
    expect([await statusOf(answer => answer.reset()), vendor.requests.length]).toEqual([502, 4])
    await close()
  })

  test('a vendor that resets the connection is asked once more if the connection was a keep-alive one, and then not again', async () => {
    const { vendor, statusOf, close } = await startResettingVendor()
    expect(await statusOf(replyChat())).toBe(200)
    expect([await statusOf(answer => answer.reset()), vendor.requests.length]).toEqual([502, 3])
    expect([await statusOf(answer => answer.reset()), vendor.requests.length]).toEqual([502, 4])
    await close()
  })

  test('a vendor that resets the connection is asked once more after a stream that ended normally', async () => {
    const { vendor, statusOf, close } = await startResettingVendor()
    expect(await statusOf(replyChat(), { stream: true })).toBe(200)
    await Bun.sleep(50)
    expect([await statusOf(resetOnReuse(replyChat())), vendor.requests.length]).toEqual([200, 3])
    await close()
  })
})

describe("the client's fault", () => {
  const sendRaw = async (
    body: string | undefined,
    headers: Record<string, string> = {},
    path = '/v1/chat/completions',
    method = 'POST',
  ) => {
    const answer = await fetch(gateway.url + path, {
      method,
      headers: { ...masterHeaders, ...headers },
      ...(body !== undefined && { body }),
    })
    return {
      status: answer.status,
      error: errorOf(await answer.text()) as { message: string; type: string; param: string | null; code: string },
    }
  }
  const bad: [name: string, body: unknown, param: string][] = [
    ['no messages', { model: 'm' }, 'messages'],
    ['messages of the wrong type', { model: 'm', messages: 'hello' }, 'messages'],
    ['an empty list of messages', { model: 'm', messages: [] }, 'messages'],
    ['a message without a role', { model: 'm', messages: [{ content: 'x' }] }, 'messages[0].role'],
    [
      'content of the wrong type',
      {
        model: 'm',
        messages: [
          { role: 'user', content: 'x' },
          { role: 'user', content: 7 },
        ],
      },
      'messages[1].content',
    ],
    [
      'a temperature that is not a number',
      { model: 'm', messages: [{ role: 'user', content: 'x' }], temperature: 'hot' },
      'temperature',
    ],
  ]
  for (const [name, body, param] of bad)
    test(`a request with ${name} is a 400 that names ${param}`, async () => {
      const answer = await sendRaw(JSON.stringify(body))
      expect(answer.status).toBe(400)
      expect(answer.error).toMatchObject({ type: 'invalid_request_error', param })
    })

  test('a body that is not JSON, not an object, empty or not UTF-8 is a 400 that says so', async () => {
    for (const body of ['{"model":', '[1]', ''])
      expect(await sendRaw(body)).toMatchObject({ status: 400, error: { type: 'invalid_request_error' } })
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: masterHeaders,
      body: new Uint8Array([0x7b, 0xff, 0x7d]),
    })
    expect(answer.status).toBe(400)
    expect(errorOf(await answer.text()).message).toContain('UTF-8')
  })

  test('a request without a key or with a wrong key is a 401 without details', async () => {
    const wrong: Record<string, string>[] = [{}, { authorization: 'Bearer nope' }, { 'x-api-key': 'nope' }]
    for (const headers of wrong) {
      const answer = await exchange(replyChat(), {}, headers)
      expect(answer.status).toBe(401)
      expect(errorOf(answer.text).code).toBe('invalid_api_key')
    }
  })

  test("an unknown model is 404 model_not_found, one outside the key's scope is 403", async () => {
    const unknown = await exchange(replyChat(), { model: 'nothing-of-that-name' })
    expect([unknown.status, errorOf(unknown.text).code]).toEqual([404, 'model_not_found'])
    const outside = await exchange(replyChat(), { model: 'secret-model' }, { 'x-api-key': secrets.other })
    expect(outside.status).toBe(403)
    expect((await exchange(replyChat(), { model: 'gpt-x' }, { 'api-key': secrets.other })).status).toBe(200)
  })

  test('a wrong path is 404, a wrong method 405', async () => {
    expect((await sendRaw('{}', {}, '/v1/nothing')).status).toBe(404)
    expect((await sendRaw(undefined, {}, '/v1/chat/completions', 'GET')).status).toBe(405)
  })

  test('a compressed body is refused, not decompressed', async () => {
    expect((await sendRaw('x', { 'content-encoding': 'gzip' })).status).toBe(400)
  })
})

describe('the request to the vendor', () => {
  test("the vendor receives its own key and the headers of the entry, never the client's key or cookies", async () => {
    await exchange(
      replyChat(),
      {},
      {
        ...masterHeaders,
        cookie: 'session=canary',
        'x-api-key': secrets.client,
        'x-forwarded-for': '1.2.3.4',
        'openai-beta': 'assistants=v2',
      },
    )
    const { headers } = upstream.requests.at(-1)!
    expect(headers['authorization']).toBe(`Bearer ${secrets.key}`)
    expect(headers['x-extra']).toBe(secrets.header)
    expect(headers['openai-beta']).toBe('assistants=v2')
    expect(JSON.stringify(headers)).not.toContain(secrets.client)
    expect(headers['cookie'] ?? headers['x-forwarded-for'] ?? headers['x-api-key']).toBeUndefined()
  })

  test('the vendor receives the request byte for byte except for the model', async () => {
    const text =
      '{ "messages": [ {"role":"user","content":"h\\u00e9, 你好"} ],\n "model" : "m",  "seed": 12345678901234567890, "vendor_field": {"10":1,"2":1.0} }'
    upstream.setScript(replyChat())
    await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: masterHeaders, body: text })
    expect(upstream.requests.at(-1)!.body).toBe(text)
  })
})

describe('losses', () => {
  const lossyFields = { logprobs: true, logit_bias: { '1': 5 } }
  beforeAll(async () => {
    upstream.setScript(replyChat())
  })

  test('a field that had to be left out is reported in x-losses to a client that asks for it', async () => {
    const answer = await exchange(
      replyChat(),
      { model: 'picky', ...lossyFields },
      { ...masterHeaders, 'x-report-losses': '1' },
    )
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-losses')).toContain('logprobs')
    expect((await exchange(replyChat(), { model: 'picky', ...lossyFields })).headers.get('x-losses')).toBeNull()
    expect(upstream.requests.at(-1)!.json()).not.toHaveProperty('logprobs')
  })
})

test('a body with excessive nesting is a 400', async () => {
  const deepBody = `{"model":"picky","messages":[{"role":"user","content":"x"}],"x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: masterHeaders,
    body: deepBody,
  })
  expect([answer.status, errorOf(await answer.text()).type]).toEqual([400, 'invalid_request_error'])
}, 30_000)

test('tokens reserved for a vendor that could not be reached are released at once', async () => {
  for (let round = 0; round < 3; round++)
    expect((await exchange(replyChat(), { model: 'counted-nobody', max_tokens: 900 })).status).toBe(502)
})

test('a complete answer on a passthrough path reaches a client that asked for a stream', async () => {
  upstream.setScript(
    replyJson({
      id: 'c',
      object: 'text_completion',
      created: 1,
      model: 'v',
      choices: [{ text: 'hi', index: 0, finish_reason: 'stop' }],
    }),
  )
  const answer = await sendRequest(
    gateway,
    { model: 'm', prompt: 'x', stream: true },
    { headers: masterHeaders, path: '/v1/completions' },
  )
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(await answer.json()).toMatchObject({ model: 'm', choices: [{ text: 'hi' }] })
})

test('no secret is in any answer, header or log, whatever the vendor echoes', async () => {
  const echo = `keys: ${Object.values(secrets).join(' ')} ${encodeURIComponent(secrets.key)} ${JSON.stringify({ url: `http://x/?key=${secrets.key}` })}`
  const escapedKey = [...secrets.key].map(letter => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')
  const headers = {
    'x-echo': secrets.key,
    'set-cookie': secrets.key,
    server: secrets.key,
    'x-ratelimit-note': secrets.key,
  }
  const scripts: Script[] = [
    ...[400, 401, 403, 404, 429, 500, 503].map(status =>
      refuse(status, { error: { message: echo, param: echo, type: echo, code: echo } }, headers),
    ),
    refuse(400, echo, headers),
    replyHtml(502, `<html>${echo}</html>`),
    replyHtml(200, `<html>${echo}</html>`),
    replySse([{ error: { message: echo } }], { headers }),
    replySse([...chatChunks().slice(0, 2), `data: broken ${echo}\n\n`, `data: broken ${escapedKey}\n\n`], { headers }),
    ...[400, 429, 500].flatMap(status =>
      [`{"error":{"message":"${escapedKey}"}}`, `{"detail":[{"msg":"${escapedKey}","${escapedKey}":1}]}`].map(body =>
        replyText(status, body),
      ),
    ),
    hangUp,
  ]
  let output = ''
  for (const script of scripts) {
    upstream.setScript(script)
    for (const streamed of [false, true]) {
      const answer = await openStream(gateway, { model: 'm', stream: streamed }, { headers: masterHeaders })
      await answer.ended
      output += JSON.stringify([...answer.headers]) + answer.frames.map(({ text }) => text).join('\n')
    }
  }
  output += await (await sendRequest(gateway, { model: 'nobody-home' }, { headers: masterHeaders })).text()
  output += await (await sendRequest(gateway, { model: 'm' }, { headers: { authorization: 'Bearer wrong' } })).text()
  await Bun.sleep(250)
  output += gateway.stdout() + gateway.stderr()
  for (const secret of Object.values(secrets)) {
    expect(output).not.toContain(secret)
    expect(output).not.toContain(encodeURIComponent(secret))
  }
  for (const spelling of [escapedKey, escapedKey.replaceAll('\\', '\\\\')]) {
    expect(output).not.toContain(spelling)
  }
})
