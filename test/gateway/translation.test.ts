/** The translation endpoints in the formats of DeepL and DeepLX, served by any available model. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

type ChatRequest = { messages: { content: string }[]; stream?: boolean }
let failures = 0
let inFlight = 0
let maxInFlight = 0

/**
 * Reverses the text after the last line break. A text that starts with `fails` fails `failures` times, and one with
 * `slow` is answered late. `silent` gets an empty answer; `cut` and `filtered` get an incomplete one.
 */
const reverseScript: Script = async (answer, request) => {
  const { messages, stream } = request.json() as ChatRequest
  const source = messages.at(-1)!.content.split('\n').at(-1)!
  maxInFlight = Math.max(maxInFlight, ++inFlight)
  await answer.wait(source.startsWith('slow') ? 50 : 5)
  inFlight--
  if (source.startsWith('fails') && failures-- > 0) {
    answer.writeHead(503, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ error: { message: 'busy' } }))
    return answer.end()
  }
  const reversed = [...source].toReversed().join('')
  const content = source.startsWith('silent') ? '' : reversed
  const finishReason = source.startsWith('cut') ? 'length' : source.startsWith('filtered') ? 'content_filter' : 'stop'
  const envelope = { id: 'c', created: 1, model: 'v' }
  if (stream) {
    const chunk = (delta: object, finishReason: string | null) =>
      `data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const letter of content) await answer.write(chunk({ content: letter }, null))
    await answer.write(`${chunk({}, finishReason)}data: [DONE]\n\n`)
  } else {
    const choices = [
      { index: 0, message: { role: 'assistant', content: `\n${content}\n` }, finish_reason: finishReason },
    ]
    answer.writeHead(200, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ ...envelope, object: 'chat.completion', choices }))
  }
  answer.end()
}

let upstream: Upstream
let gateway: Gateway
let disabledGateway: Gateway
let defaultGateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(reverseScript)
  const service = { enabled: true, models: ['free'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  const services = { openai: [service] }
  const translation = { promptTemplate: 'To %s, 100%%:\n%s', retry: 2, concurrency: 3 }
  gateway = await startGateway({ api_key: 'secret', services, translation })
  disabledGateway = await startGateway({ services, translation: { enable: false } })
  defaultGateway = await startGateway({ services })
})
afterAll(async () => {
  await gateway.stop()
  await disabledGateway.stop()
  await defaultGateway.stop()
  await upstream.close()
})
beforeEach(() => {
  failures = 0
  maxInFlight = 0
})

const send = async (
  path: string,
  body: object | URLSearchParams,
  authorization = 'DeepL-Auth-Key secret',
  to = gateway,
) => {
  const form = body instanceof URLSearchParams
  const headers = { authorization, ...(!form && { 'content-type': 'application/json' }) }
  const answer = await fetch(`${to.url}${path}`, {
    method: 'POST',
    headers,
    body: form ? body : JSON.stringify(body),
  })
  return { status: answer.status, text: await answer.text(), type: answer.headers.get('content-type') }
}
/** The prompts that the vendor received while `action` ran. */
const promptsSentDuring = async (action: () => Promise<unknown>): Promise<string[]> => {
  const before = upstream.requests.length
  await action()
  return upstream.requests.slice(before).map(({ json }) => (json() as ChatRequest).messages.at(-1)!.content)
}
const json = async (path: string, body: object | URLSearchParams) => JSON.parse((await send(path, body)).text)

describe('DeepL', () => {
  test('the DeepL endpoint translates every text, in order, with at most `concurrency` requests at once', async () => {
    const text = ['slow abc', 'def', 'ghi', 'slow jkl', 'mno', '%s pqr']
    expect(await json('/v2/translate', { text, target_lang: 'DE', source_lang: 'en' })).toEqual({
      translations: text.map(one => ({ detected_source_language: 'EN', text: [...one].toReversed().join('') })),
    })
    expect(maxInFlight).toBe(3)
  })

  test('the DeepL endpoint uses the configured prompt with the language, the unchanged text and a percent sign', async () => {
    const text = ['%s of %% and $& or {{text}}']
    const prompts = await promptsSentDuring(() => json('/v2/translate', { text, target_lang: 'PT-BR' }))
    expect(prompts).toEqual([`To PT-BR, 100%:\n${text[0]}`])
  })

  test('the DeepL endpoint accepts a form as well as JSON', async () => {
    const form = new URLSearchParams([
      ['text', 'abc'],
      ['text', 'd&f'],
      ['target_lang', 'DE'],
    ])
    expect((await json('/v2/translate', form)).translations).toMatchObject([{ text: 'cba' }, { text: 'f&d' }])
    expect(
      (await json('/v2/translate', new URLSearchParams({ text: 'abc', target_lang: 'DE' }))).translations,
    ).toHaveLength(1)
  })

  test('the DeepL endpoint retries a text that fails as often as configured, then answers with an error and leaves no text out', async () => {
    failures = 2
    expect((await json('/v2/translate', { text: ['ab', 'fails'], target_lang: 'DE' })).translations).toMatchObject([
      { text: 'ba' },
      { text: 'sliaf' },
    ])
    failures = 3
    const { status, text } = await send('/v2/translate', { text: ['ab', 'fails', 'cd'], target_lang: 'DE' })
    expect([status, JSON.parse(text)]).toEqual([503, { message: expect.any(String) }])
    failures = 100
    expect(await promptsSentDuring(() => send('/v2/translate', { text: 'fails', target_lang: 'DE' }))).toHaveLength(3)
  })

  test('the DeepL endpoint by default tries a text once, sends five requests at once and uses a built-in prompt', async () => {
    const translate = (text: string[]) => send('/v2/translate', { text, target_lang: 'DE' }, '', defaultGateway)
    failures = 100
    expect(await promptsSentDuring(() => translate(['fails']))).toHaveLength(1)
    maxInFlight = 0
    const [first] = await promptsSentDuring(() => translate(Array.from({ length: 12 }, (_, index) => `slow ${index}`)))
    expect(maxInFlight).toBe(5)
    expect(first).toMatch(/^You are a translation engine[\s\S]*"DE"[\s\S]*\n\nslow 0$/)
  })

  test.each(['silent', 'cut here', 'filtered'])(
    'the DeepL endpoint retries a text whose answer is %s, then fails',
    async text => {
      let answer = { status: 0, text: '' }
      const prompts = await promptsSentDuring(async () => {
        answer = await send('/v2/translate', { text: [text], target_lang: 'DE' })
      })
      expect([answer.status, JSON.parse(answer.text), prompts.length]).toEqual([
        502,
        { message: expect.any(String) },
        3,
      ])
    },
  )

  test('the DeepL endpoint returns an empty text unchanged, in its position, without a request', async () => {
    let answer = { translations: [] as object[] }
    const prompts = await promptsSentDuring(async () => {
      answer = await json('/v2/translate', { text: ['', 'abc', ' \n', 'def', ''], target_lang: 'DE' })
    })
    expect(answer.translations).toMatchObject(['', 'cba', ' \n', 'fed', ''].map(text => ({ text })))
    expect(prompts).toHaveLength(2)
    expect(await promptsSentDuring(() => json('/v2/translate', { text: [''], target_lang: 'DE' }))).toEqual([])
  })

  test('the DeepL endpoint sends several texts of a stream as one event, and leaves none out', async () => {
    const { text, type } = await send('/v2/translate', { text: ['abc', '', 'def'], target_lang: 'DE', stream: true })
    expect(type).toStartWith('text/event-stream')
    expect(JSON.parse(text.slice('data: '.length)).translations).toMatchObject(
      ['cba', '', 'fed'].map(text => ({ text })),
    )
  })

  test("the DeepL endpoint reports an invalid request in DeepL's shape, without a request to the vendor", async () => {
    const before = upstream.requests.length
    for (const body of [
      { text: [], target_lang: 'DE' },
      { text: ['a'] },
      { text: [1], target_lang: 'DE' },
      { target_lang: 'DE' },
    ]) {
      const { status, text } = await send('/v2/translate', body)
      expect([status, JSON.parse(text)]).toEqual([400, { message: expect.stringMatching(/text|target_lang/) }])
    }
    expect((await send('/v2/translate', { text: ['a'], target_lang: 'DE' }, 'DeepL-Auth-Key wrong')).status).toBe(401)
    expect(upstream.requests.length).toBe(before)
  })
})

describe('DeepLX', () => {
  test.each(['/translate', '/v1/translate'])("the DeepLX endpoint %s answers in DeepLX's shape", async path => {
    expect(await json(path, { text: 'abc', target_lang: 'ZH', source_lang: 'EN' })).toEqual({
      code: 200,
      id: expect.any(Number),
      data: 'cba',
      alternatives: [],
      source_lang: 'EN',
      target_lang: 'ZH',
      method: 'Pro',
    })
  })

  test('the DeepLX endpoint streams a translation as it arrives', async () => {
    const { text, type } = await send('/translate', { text: 'abc', target_lang: 'ZH', stream: true })
    expect(type).toStartWith('text/event-stream')
    const pieces = text
      .trim()
      .split('\n\n')
      .map(line => JSON.parse(line.slice('data: '.length)))
    expect(pieces).toEqual(['c', 'b', 'a'].map(data => ({ code: 0, data, target_lang: 'ZH' })))
  })

  test('the DeepLX endpoint returns an empty text at once, streamed or not, and refuses several texts', async () => {
    const prompts = await promptsSentDuring(async () => {
      expect(await json('/translate', { text: '', target_lang: 'ZH' })).toMatchObject({ code: 200, data: '' })
      const { text } = await send('/translate', { text: ' ', target_lang: 'ZH', stream: true })
      expect(text).toBe('data: {"code":0,"data":" ","target_lang":"ZH"}\n\n')
      const { status } = await send('/translate', { text: ['a', 'b'], target_lang: 'ZH' })
      expect(status).toBe(400)
    })
    expect(prompts).toEqual([])
  })

  test('the DeepLX endpoint fails for an empty stream, and ends one that was cut off with an error', async () => {
    const streamed = (text: string) => send('/translate', { text, target_lang: 'ZH', stream: true })
    expect(await streamed('silent')).toMatchObject({ status: 502, type: 'application/json' })
    const { status, text } = await streamed('cut')
    expect(status).toBe(200)
    const pieces = text
      .trim()
      .split('\n\n')
      .map(line => JSON.parse(line.slice('data: '.length)))
    expect(pieces.map(({ data }) => data).join('')).toBe('tuc')
    expect(pieces.at(-1)).toEqual({ code: 502, message: expect.stringContaining('cut') })
  })

  test('the DeepLX endpoint reports an error with its code', async () => {
    const { status, text } = await send('/translate', { text: 'abc', target_lang: 'ZH', model: 'nobody' })
    expect([status, JSON.parse(text)]).toEqual([404, { code: 404, message: expect.stringContaining('nobody') }])
  })
})

test('the translation paths are 404 where translation is disabled', async () => {
  const answer = await fetch(`${disabledGateway.url}/translate`, { method: 'POST', body: '{}' })
  expect(answer.status).toBe(404)
})
