/** A key that is limited to some models reaches no other model, and nothing that other callers have stored. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { modelFilter } from '../../src/auth/keys.ts'
import { clientProtocols } from '../../src/protocols/registry.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson } from '../support/upstream-scripts.ts'

let upstream: Upstream
let gateway: Gateway

const messages = [{ role: 'user', content: 'Hi' }]
const paths = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  anthropic: '/v1/messages',
  gemini: '/v1beta/models/cheap:generateContent',
  embeddings: '/v1/embeddings',
  custom: '/v1/acme/answers',
}
type Path = keyof typeof paths
const bodies: Record<Path, object> = {
  chat: { model: 'cheap', messages },
  responses: { model: 'cheap', input: 'Hi' },
  anthropic: { model: 'cheap', max_tokens: 9, messages },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
  embeddings: { model: 'cheap', input: 'Hi' },
  custom: { model: 'cheap', question: 'Hi' },
}

beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson({ object: 'any', choices: [], content: [], data: [] }))
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'vendor-key' } }
  const speaks = ['openai-chat', 'openai-responses', 'anthropic', 'embeddings', 'audio/transcriptions', 'acme/answers']
  gateway = await startGateway({
    api_keys: [
      { api_key: 'scoped-key', name: 'Scoped', supported_models: { all: ['cheap'] } },
      { api_key: 'open-key', name: 'Open', supported_models: { all: ['*'] } },
    ],
    services: {
      openai: [{ ...entry, models: ['cheap', 'expensive'], speaks }],
      gemini: [{ ...entry, models: ['cheap'], server_url: upstream.url }],
    },
  })
}, 20_000)
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

type Answer = { status: number; param: unknown; text: string; reached: number }

const send = async (path: string, body: BodyInit, contentType: string, key: string): Promise<Answer> => {
  const before = upstream.requests.length
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': contentType },
    body,
    proxy: false,
  } as RequestInit)
  const text = await response.text()
  const { error } = (response.ok ? {} : JSON.parse(text)) as { error?: { param?: unknown } }
  return { status: response.status, param: error?.param, text, reached: upstream.requests.length - before }
}
const ask = (path: Path, text: string, key = 'scoped-key') => send(paths[path], text, 'application/json', key)
const askWith = (path: Path, more: object, key?: string) => ask(path, JSON.stringify({ ...bodies[path], ...more }), key)

describe('another spelling of a field that the gateway acts on', () => {
  const spellings = [
    'Model',
    'MODEL',
    'mOdel',
    ' model',
    'model ',
    'ｍodel',
    'mode\u200bl',
    '\u0000model',
    '\ufeffmodel',
  ]
  for (const key of ['scoped-key', 'open-key'])
    for (const path of ['chat', 'responses', 'anthropic', 'embeddings', 'custom'] as const)
      test(`is refused on the path of ${path} with the ${key}, and nothing is sent`, async () => {
        for (const name of spellings) {
          const answer = await askWith(path, { [name]: 'expensive' }, key)
          expect([name, answer.status, answer.reached]).toEqual([name, 400, 0])
          expect(answer.text).toContain('model')
        }
      })

  test('is refused for each of these fields, and for any field that stands twice in other letters', async () => {
    for (const name of ['Stream', 'ſtream', 'Models', 'Previous_Response_Id', 'Messages', 'Conversation'])
      expect([name, (await askWith('chat', { [name]: 'x' }, 'open-key')).status]).toEqual([name, 400])
    expect((await askWith('chat', { Unknown: 1 }, 'open-key')).reached).toBe(1)
  })

  test('does not reach the vendor if the same key stands twice or is written with escapes', async () => {
    for (const text of [
      '{"model":"expensive","model":"cheap","messages":[{"role":"user","content":"Hi"}]}',
      '{"m\\u006fdel":"expensive","model":"cheap","messages":[{"role":"user","content":"Hi"}]}',
    ]) {
      const { reached } = await ask('chat', text)
      expect(reached).toBe(1)
      expect(upstream.requests.at(-1)!.body).not.toContain('expensive')
    }
    expect((await ask('chat', '{"model":"cheap","model":"expensive","messages":[]}')).reached).toBe(0)
  })
})

describe('a key that is limited to some models', () => {
  const closed: [Path, object][] = [
    ['chat', { models: ['expensive'] }],
    ['chat', { route: 'fallback' }],
    ['chat', { provider: { order: ['x'] } }],
    ['chat', { preset: 'x' }],
    ['chat', { fallbacks: ['expensive'] }],
    ['chat', { plugins: [{ id: 'auto-router' }] }],
    ['chat', { extra_body: { google: { cached_content: 'cachedContents/1' } } }],
    ['chat', { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] }],
    ['chat', { messages: [...messages, { role: 'assistant', audio: { id: 'audio_1' } }, ...messages] }],
    ['responses', { conversation: 'conv_1' }],
    ['responses', { prompt: { id: 'pmpt_1' } }],
    ['responses', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    ['responses', { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
    ['responses', { tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['file-1'] } }] }],
    ['responses', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] }],
    ['anthropic', { container: 'container_1' }],
    ['anthropic', { thread: { id: 'x' } }],
    [
      'anthropic',
      { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }] }] },
    ],
    ['gemini', { cachedContent: 'cachedContents/1' }],
    ['gemini', { cached_content: 'cachedContents/1' }],
    ['gemini', { contents: [{ parts: [{ fileData: { fileUri: 'files/abc' } }] }] }],
    ['gemini', { tools: [{ fileSearch: { fileSearchStoreNames: ['fileSearchStores/1'] } }] }],
    ['embeddings', { models: ['expensive'] }],
    ['custom', { models: ['expensive'] }],
    ['custom', { Fallbacks: ['expensive'] }],
    ['custom', { source: { file_id: 'file-1' } }],
  ]
  for (const [path, more] of closed)
    test(`may not send ${JSON.stringify(more).slice(0, 90)} on the path of ${path}`, async () => {
      const answer = await askWith(path, more)
      expect([answer.status, answer.reached]).toEqual([400, 0])
      expect(answer.text).toContain('limited to some models')
    })

  test('may not name another model inside a tool, but its own', async () => {
    const toolWith = (model: string) => ({ tools: [{ type: 'image_generation', model }] })
    expect(await askWith('responses', toolWith('expensive'))).toMatchObject({ status: 403, reached: 0 })
    expect((await askWith('responses', toolWith('cheap'))).reached).toBe(1)
  })

  test('may send the settings of an answer, and names that only its own functions read', async () => {
    const tools = [
      { type: 'function', function: { name: 'f', parameters: { properties: { file_id: {}, model: {} } } } },
    ]
    const call = {
      id: 'c',
      type: 'function',
      function: { name: 'f', arguments: '{"model":"expensive","file_id":"x"}' },
    }
    const conversation = [
      ...messages,
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', content: 'x' },
    ]
    const more = { tools, messages: conversation, temperature: 0, service_tier: 'flex', metadata: { file_id: 'x' } }
    expect((await askWith('chat', more)).reached).toBe(1)
    for (const path of Object.keys(paths) as Path[])
      expect([path, (await askWith(path, {})).reached]).toEqual([path, 1])
  })

  test('may send what any other key may send if its scope is `*`', async () => {
    expect((await askWith('chat', { models: ['expensive'], provider: {} }, 'open-key')).reached).toBe(1)
  })

  test('has a list of fields for every protocol that passes bodies to a vendor', () => {
    const without = [...clientProtocols.values()].filter(({ scopedFields }) => !scopedFields).map(({ id }) => id)
    expect(without.sort()).toEqual(['deepl', 'deeplx'])
  })
})

describe('the name of a model', () => {
  test('is the name that the scope says, to the letter', async () => {
    for (const model of [
      'Cheap',
      'cheap ',
      ' cheap',
      'cheap\u0000',
      'ｃheap',
      'cheap%20',
      '%63heap',
      'cheap/../expensive',
    ])
      expect([model, (await askWith('chat', { model })).status]).toEqual([model, 403])
  })

  test('that begins with the prefix of a scope is one name, without separators or escapes', () => {
    const canUse = modelFilter(['qwen-*'])
    for (const model of ['qwen-max', 'qwen-3.5:free', 'qwen-a/b@2026', 'qwen-模型 (2)'])
      expect(canUse(model)).toBe(true)
    for (const rest of [
      'x/../../gpt',
      'x%2f..',
      'x?model=y',
      'x#y',
      'x,gpt',
      'x\ngpt',
      'x\u202egpt',
      'x\\gpt',
      '\u2028',
      'x ',
    ])
      expect([rest, canUse(`qwen-${rest}`)]).toEqual([rest, false])
  })
})

describe('a form', () => {
  const part = (head: string, content: string) => `--edge\r\n${head}\r\n\r\n${content}\r\n`
  const named = (name: string, more = '') => `content-disposition: form-data; name="${name}"${more}`
  const model = part(named('model'), 'cheap')
  const file = part(named('file', '; filename="a.wav"'), 'RIFF')
  const end = '--edge--\r\n'
  const post = (text: string, contentType = 'multipart/form-data; boundary=edge', key = 'scoped-key') =>
    send('/v1/audio/transcriptions', text, contentType, key)

  test('of one model and one file reaches the vendor with a content type written by the gateway', async () => {
    const { reached } = await post(model + file + end, 'Multipart/Form-Data ; charset=utf-8; boundary="edge"')
    expect(reached).toBe(1)
    expect(upstream.requests.at(-1)!.headers['content-type']).toBe('multipart/form-data; boundary=edge')
  })

  const types = [
    'multipart/form-data; boundary=edge; boundary=other',
    'multipart/form-data; boundary=other; Boundary=edge',
    'multipart/form-data; boundary*=edge; boundary=edge',
    'multipart/form-data; x="; boundary=other"; boundary=edge',
    'multipart/form-data; boundary=edge, multipart/form-data; boundary=other',
    'multipart/form-data; boundary="ed\\ge"',
  ]
  for (const type of types)
    test(`with the content type ${type} is refused`, async () => {
      expect(await post(model + file + end, type)).toMatchObject({ status: 400, reached: 0 })
    })

  const hidden = (text: string) => model + part(named('file', '; filename="a"'), text) + end
  const forms: [string, string][] = [
    ['a delimiter after a line feed alone', hidden(`x\n--edge\r\n${named('model')}\r\n\r\nexpensive`)],
    ['a delimiter after a carriage return alone', hidden(`x\r--edge\r\n${named('model')}\r\n\r\nexpensive`)],
    ['a delimiter before a line feed alone', hidden(`x\r\n--edge\n${named('model')}\n\nexpensive`)],
    ['a delimiter inside a line', hidden('x--edge')],
    ['a longer delimiter', hidden('x\r\n--edgeless\r\n')],
    ['a delimiter and a space', model + `--edge \r\n${named('model')}\r\n\r\nexpensive\r\n${end}`],
    ['a part after its end', model + file + end + part(named('model'), 'expensive')],
    ['a delimiter in the head of a part', model + `--edge\r\n${named('a')}\r\n--edge\r\n\r\nx\r\n${end}`],
    ['two parts named model', model + file + model + end],
    ['a model that is a file', part(named('model', '; filename="x"'), 'cheap') + file + end],
    ['a model with filename*', part(named('model', "; filename*=utf-8''x"), 'cheap') + file + end],
    ['a part named Model', model + part(named('Model'), 'expensive') + file + end],
    ['a part named model[]', model + part(named('model[]'), 'expensive') + file + end],
    ['a part with an escaped name', model + part(named('mod\\el'), 'expensive') + file + end],
    ['a part with a percent-encoded name', model + part(named('mod%65l'), 'expensive') + file + end],
    ['a part with an encoded word as name', model + part(named('=?utf-8?q?model?='), 'expensive') + file + end],
    ['a part with name*', model + part("content-disposition: form-data; name*=utf-8''model", 'x') + file + end],
    ['a head with a bare line feed', model + part(`${named('a')}\nx: y`, 'x') + end],
    ['a folded head', model + part('content-disposition: form-data;\r\n name="model"', 'expensive') + end],
    ['an encoded part', part(`${named('model')}\r\ncontent-transfer-encoding: base64`, 'Y2hlYXA=') + file + end],
    ['a model in UTF-16', part(`${named('model')}\r\ncontent-type: text/plain; charset=utf-16`, 'cheap') + file + end],
    ['a field for the character set', model + part(named('_charset_'), 'utf-7') + file + end],
  ]
  for (const [what, form] of forms)
    for (const key of ['scoped-key', 'open-key'])
      test(`with ${what} is refused with the ${key}`, async () => {
        expect((await post(form, undefined, key)).status).toBe(400)
      })

  test('may have only fields that are open to the key', async () => {
    const models = part(named('models'), 'expensive')
    expect((await post(model + models + file + end)).status).toBe(400)
    expect((await post(model + models + file + end, undefined, 'open-key')).reached).toBe(1)
    expect((await post(model + part(named('timestamp_granularities[]'), 'word') + file + end)).reached).toBe(1)
  })
})
