/** What a vendor of another protocol would refuse: fields it does not know, messages without content, documents by address, files another vendor keeps. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/process.ts'
import { jsonOf } from '../support/scripts.ts'
import { type Received, scriptedUpstream, type Upstream } from '../support/upstream.ts'

const pdf = Buffer.from('%PDF-1.4')
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => new Response(pdf, { headers: { 'content-type': 'application/pdf' } }),
})
const address = `http://127.0.0.1:${server.port}/a.pdf`

const answers: Record<string, object> = {
  chat: {
    ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
    choices: [{ index: 0, message: { role: 'assistant', content: 'ho' }, finish_reason: 'stop' }],
  },
  messages: {
    ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', stop_reason: 'end_turn', stop_sequence: null },
    ...{ content: [{ type: 'text', text: 'ho' }], usage: { input_tokens: 1, output_tokens: 2 } },
  },
  responses: {
    ...{ id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm' },
    output: [
      {
        type: 'message',
        id: 'm',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'ho' }],
      },
    ],
  },
  contents: {
    candidates: [{ content: { role: 'model', parts: [{ text: 'ho' }] }, finishReason: 'STOP', index: 0 }],
  },
}
const kindOf = ({ path }: Received): string =>
  path.endsWith('/chat/completions')
    ? 'chat'
    : path.endsWith('/messages')
      ? 'messages'
      : path.endsWith('/responses')
        ? 'responses'
        : 'contents'

let upstream: Upstream
let gateway: Gateway
const models = ['chat', 'messages', 'responses', 'contents']

beforeAll(async () => {
  upstream = await scriptedUpstream((answer, received) => jsonOf(answers[kindOf(received)]!)(answer, received))
  const at = (model: string, path: string) => ({
    enabled: true,
    models: [model],
    server_url: `${upstream.url}${path}`,
    credentials: { api_key: 'k' },
  })
  const services = {
    openai: [at('chat', '/v1'), at('responses', '/v1/responses')],
    claude: [at('messages', '/v1')],
    gemini: [at('contents', '/v1beta')],
    azure: [at('o3-mini', '/openai/v1')],
  }
  gateway = await startGateway({ services, media: { allow_private: ['127.0.0.1'] } })
})
afterAll(async () => {
  await Promise.all([gateway.stop(), server.stop(true)])
  await upstream.close()
})
beforeEach(() => {
  upstream.requests.length = 0
})

type Told = { status: number; sent: Record<string, unknown>[]; error: { message: string; param?: string } }

const post = async (path: string, body: object): Promise<Told> => {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), proxy: false }
  const response = await fetch(`${gateway.url}${path}`, options as RequestInit)
  const { error } = (await response.json()) as Pick<Told, 'error'>
  return { status: response.status, error, sent: upstream.requests.map(one => one.json() as Record<string, unknown>) }
}

type Turn = { role: string; content: unknown }
const chat = (model: string, ...messages: Turn[]) => post('/v1/chat/completions', { model, messages })
const claude = (model: string, ...messages: Turn[]) => post('/v1/messages', { model, max_tokens: 9, messages })
const google = (model: string, ...parts: object[]) =>
  post(`/v1beta/models/${model}:generateContent`, { contents: [{ role: 'user', parts }] })
const user = (content: unknown): Turn => ({ role: 'user', content })
const assistant = (content: unknown): Turn => ({ role: 'assistant', content })
const others = (own: string) => models.filter(model => model !== own)

describe("fields OpenAI's own service refuses", () => {
  const limits = { max_tokens: 9, top_k: 5 }

  test('are left out of a translation', async () => {
    const { sent } = await post('/v1/messages', { model: 'o3-mini', ...limits, messages: [user('q')] })
    expect(sent).toEqual([{ model: 'o3-mini', messages: [user('q')], max_completion_tokens: 9 }])
  })

  test('are passed on where the client wrote them itself', async () => {
    const body = { model: 'o3-mini', ...limits, messages: [user('q')] }
    expect((await post('/v1/chat/completions', body)).sent).toEqual([body])
  })
})

describe('messages without content', () => {
  test.each(others('messages'))('of Messages to %s: left out', async model => {
    const { status, sent } = await claude(model, user('q'), assistant([]), user([]), user('r'))
    expect(status).toBe(200)
    const [body] = sent
    const turns = (body!['messages'] ?? body!['input'] ?? body!['contents']) as object[]
    expect(turns).toHaveLength(2)
    for (const turn of turns) expect(JSON.stringify(turn)).toMatch(/"[qr]"/)
  })

  test.each(others('messages'))('nothing else to %s: a 400 that names the place', async model => {
    const { status, sent, error } = await claude(model, user([]))
    expect({ status, sent, message: error.message }).toEqual({
      status: 400,
      sent: [],
      message: 'messages: nothing is said',
    })
  })

  test.each(others('chat'))('of Chat Completions to %s: a 400 too', async model => {
    for (const content of ['', null]) {
      const { status, sent, error } = await chat(model, user(content))
      expect([status, sent, error.param]).toEqual([400, [], 'messages'])
    }
  })
})

describe('a document by its address', () => {
  const document = { type: 'document', source: { type: 'url', url: address } }

  test('comes to a vendor of Chat Completions as a file', async () => {
    const { status, sent } = await claude('chat', user([document]))
    expect(status).toBe(200)
    const file = { file_data: `data:application/pdf;base64,${pdf.toString('base64')}` }
    expect(sent[0]!['messages']).toEqual([{ role: 'user', content: [{ type: 'file', file }] }])
  })

  test('stays an address where the vendor fetches it', async () => {
    const { sent } = await claude('responses', user([document]))
    expect(JSON.stringify(sent)).toContain(JSON.stringify({ type: 'input_file', file_url: address }))
  })
})

describe('a file another vendor keeps is a 400 that names the place', () => {
  const kept = (told: Told) => [told.status, told.sent.length, told.error.message]
  const words = (path: string, by: string, speaks: string) =>
    `${path}: a file kept by a vendor of ${by} cannot be read by one of ${speaks}: send its bytes or its URL`

  test('of Gemini', async () => {
    for (const fileUri of ['https://generativelanguage.googleapis.com/v1beta/files/abc', 'gs://b/x.pdf'])
      for (const [model, speaks] of Object.entries({ chat: 'openai-chat', messages: 'anthropic' }))
        expect(kept(await google(model, { fileData: { fileUri, mimeType: 'application/pdf' } }))).toEqual([
          ...[400, 0],
          words('contents[0].parts[0].fileData.fileUri', 'gemini', speaks),
        ])
  })

  test('of Claude', async () => {
    const source = { type: 'file', file_id: 'file_1' }
    expect(kept(await claude('chat', user([{ type: 'document', source }])))).toEqual([
      ...[400, 0],
      words('messages[0].content[0].source.file_id', 'anthropic', 'openai-chat'),
    ])
  })

  test('of OpenAI, but for its other protocol', async () => {
    const file = user([{ type: 'file', file: { file_id: 'file-1' } }])
    expect(kept(await chat('messages', file))).toEqual([
      ...[400, 0],
      words('messages[0].content[0].file.file_id', 'openai-chat', 'anthropic'),
    ])
    const { status, sent } = await chat('responses', file)
    expect(status).toBe(200)
    expect(JSON.stringify(sent)).toContain('"file_id":"file-1"')
  })
})
