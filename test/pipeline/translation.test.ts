/** Translation in the shapes of DeepL and DeepLX, by whatever model is free. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../rig/process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../rig/upstream.ts'

type Asked = { messages: { content: string }[]; stream?: boolean }
let failures = 0
let open = 0
let most = 0

/** Turns the text after the last line break around; `fails` fails as often as told, `slow` takes its time. */
const turning: Script = async (answer, request) => {
  const { messages, stream } = request.json() as Asked
  const said = messages.at(-1)!.content.split('\n').at(-1)!
  most = Math.max(most, ++open)
  await answer.wait(said.startsWith('slow') ? 50 : 5)
  open--
  if (said.startsWith('fails') && failures-- > 0) {
    answer.head(503, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ error: { message: 'busy' } }))
    return answer.end()
  }
  const content = [...said].toReversed().join('')
  const head = { id: 'c', created: 1, model: 'v' }
  if (stream) {
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
    answer.head(200, { 'content-type': 'text/event-stream' })
    for (const letter of content) await answer.write(chunk({ content: letter }, null))
    await answer.write(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  } else {
    const choices = [{ index: 0, message: { role: 'assistant', content: `\n${content}\n` }, finish_reason: 'stop' }]
    answer.head(200, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ ...head, object: 'chat.completion', choices }))
  }
  answer.end()
}

let upstream: Upstream
let gateway: Gateway
let plain: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(turning)
  const service = { enabled: true, models: ['free'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  const services = { openai: [service] }
  const translation = { promptTemplate: 'To %s, 100%%:\n%s', retry: 2, concurrency: 3 }
  gateway = await startGateway({ api_key: 'secret', services, translation })
  plain = await startGateway({ services, translation: { enable: false } })
})
afterAll(async () => {
  await gateway.stop()
  await plain.stop()
  await upstream.close()
})
beforeEach(() => {
  failures = 0
  most = 0
})

const send = async (path: string, body: object | URLSearchParams, authorization = 'DeepL-Auth-Key secret') => {
  const form = body instanceof URLSearchParams
  const headers = { authorization, ...(!form && { 'content-type': 'application/json' }) }
  const answer = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers,
    body: form ? body : JSON.stringify(body),
  })
  return { status: answer.status, text: await answer.text(), type: answer.headers.get('content-type') }
}
const json = async (path: string, body: object | URLSearchParams) => JSON.parse((await send(path, body)).text)

describe('as DeepL', () => {
  test('every text is translated, in its order, not more at once than configured', async () => {
    const text = ['slow abc', 'def', 'ghi', 'slow jkl', 'mno', '%s pqr']
    expect(await json('/v2/translate', { text, target_lang: 'DE', source_lang: 'en' })).toEqual({
      translations: text.map(one => ({ detected_source_language: 'EN', text: [...one].toReversed().join('') })),
    })
    expect(most).toBe(3)
    const { messages } = upstream.requests.at(-1)!.json() as Asked
    expect(messages.at(-1)!.content).toStartWith('To DE, 100%:\n')
  })

  test('a form says the same', async () => {
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

  test('a text that fails is tried again, as often as configured; then it is an error, and nothing is left out', async () => {
    failures = 2
    expect((await json('/v2/translate', { text: ['ab', 'fails'], target_lang: 'DE' })).translations).toMatchObject([
      { text: 'ba' },
      { text: 'sliaf' },
    ])
    failures = 3
    const { status, text } = await send('/v2/translate', { text: ['ab', 'fails', 'cd'], target_lang: 'DE' })
    expect([status, JSON.parse(text)]).toEqual([503, { message: expect.any(String) }])
  })

  test('what is wrong is said in its shape, and tried only once', async () => {
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

describe('as DeepLX', () => {
  test.each(['/translate', '/v1/translate'])('%s', async path => {
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

  test('a stream tells it as it comes', async () => {
    const { text, type } = await send('/translate', { text: 'abc', target_lang: 'ZH', stream: true })
    expect(type).toStartWith('text/event-stream')
    const pieces = text
      .trim()
      .split('\n\n')
      .map(line => JSON.parse(line.slice('data: '.length)))
    expect(pieces).toEqual(['c', 'b', 'a'].map(data => ({ code: 0, data, target_lang: 'ZH' })))
  })

  test('an error has its code', async () => {
    const { status, text } = await send('/translate', { text: 'abc', target_lang: 'ZH', model: 'nobody' })
    expect([status, JSON.parse(text)]).toEqual([404, { code: 404, message: expect.stringContaining('nobody') }])
  })
})

test('where it is switched off there is no such address', async () => {
  const answer = await fetch(`${plain.url}/translate`, { method: 'POST', body: '{}' })
  expect(answer.status).toBe(404)
})
