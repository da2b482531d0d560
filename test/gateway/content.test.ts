/**
 * Content that a vendor of another protocol would refuse: fields it does not know, messages without content,
 * documents by URL, files that another vendor stores.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson } from '../support/upstream-scripts.ts'

const pdf = Buffer.from('%PDF-1.4')
const fileServer = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => new Response(pdf, { headers: { 'content-type': 'application/pdf' } }),
})
const pdfUrl = `http://127.0.0.1:${fileServer.port}/a.pdf`

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
const protocolOf = ({ path }: ReceivedRequest): string =>
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
  upstream = await scriptedUpstream((answer, received) => replyJson(answers[protocolOf(received)]!)(answer, received))
  const entryAt = (model: string, path: string) => ({
    enabled: true,
    models: [model],
    server_url: `${upstream.url}${path}`,
    credentials: { api_key: 'k' },
  })
  const services = {
    openai: [entryAt('chat', '/v1'), entryAt('responses', '/v1/responses')],
    claude: [entryAt('messages', '/v1')],
    gemini: [entryAt('contents', '/v1beta')],
    azure: [entryAt('o3-mini', '/openai/v1')],
  }
  gateway = await startGateway({ services, media: { allow_private: ['127.0.0.1'] } })
})
afterAll(async () => {
  await Promise.all([gateway.stop(), fileServer.stop(true)])
  await upstream.close()
})
beforeEach(() => {
  upstream.requests.length = 0
})

type Exchange = { status: number; sent: Record<string, unknown>[]; error: { message: string; param?: string } }

const post = async (path: string, body: object): Promise<Exchange> => {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), proxy: false }
  const response = await fetch(`${gateway.url}${path}`, options as RequestInit)
  const { error } = (await response.json()) as Pick<Exchange, 'error'>
  return { status: response.status, error, sent: upstream.requests.map(one => one.json() as Record<string, unknown>) }
}

type Turn = { role: string; content: unknown }
const sendChat = (model: string, ...messages: Turn[]) => post('/v1/chat/completions', { model, messages })
const sendMessages = (model: string, ...messages: Turn[]) => post('/v1/messages', { model, max_tokens: 9, messages })
const sendGemini = (model: string, ...parts: object[]) =>
  post(`/v1beta/models/${model}:generateContent`, { contents: [{ role: 'user', parts }] })
const user = (content: unknown): Turn => ({ role: 'user', content })
const assistant = (content: unknown): Turn => ({ role: 'assistant', content })
const otherModels = (excluded: string) => models.filter(model => model !== excluded)

describe('unsupported fields', () => {
  const limitFields = { max_tokens: 9, top_k: 5 }

  test("a field that OpenAI's own service refuses is left out of a translated request", async () => {
    const { sent } = await post('/v1/messages', { model: 'o3-mini', ...limitFields, messages: [user('q')] })
    expect(sent).toEqual([{ model: 'o3-mini', messages: [user('q')], max_completion_tokens: 9 }])
  })

  test("a field that OpenAI's own service refuses is passed on in a request that is not translated", async () => {
    const body = { model: 'o3-mini', ...limitFields, messages: [user('q')] }
    expect((await post('/v1/chat/completions', body)).sent).toEqual([body])
  })
})

describe('messages without content', () => {
  test.each(otherModels('messages'))(
    'messages without content are left out when a Messages request is translated to %s',
    async model => {
      const { status, sent } = await sendMessages(model, user('q'), assistant([]), user([]), user('r'))
      expect(status).toBe(200)
      const [body] = sent
      const turns = (body!['messages'] ?? body!['input'] ?? body!['contents']) as object[]
      expect(turns).toHaveLength(2)
      for (const turn of turns) expect(JSON.stringify(turn)).toMatch(/"[qr]"/)
    },
  )

  test.each(otherModels('messages'))(
    'messages without content are a 400 that names `messages` when a Messages request to %s has no others',
    async model => {
      const { status, sent, error } = await sendMessages(model, user([]))
      expect({ status, sent, message: error.message }).toEqual({
        status: 400,
        sent: [],
        message: 'messages: nothing is said',
      })
    },
  )

  test.each(otherModels('chat'))(
    'messages without content are a 400 that names `messages` when a Chat Completions request to %s has no others',
    async model => {
      for (const content of ['', null]) {
        const { status, sent, error } = await sendChat(model, user(content))
        expect([status, sent, error.param]).toEqual([400, [], 'messages'])
      }
    },
  )
})

describe('documents by URL', () => {
  const document = { type: 'document', source: { type: 'url', url: pdfUrl } }

  test('a document by URL is sent as file data to a vendor of Chat Completions', async () => {
    const { status, sent } = await sendMessages('chat', user([document]))
    expect(status).toBe(200)
    const file = { file_data: `data:application/pdf;base64,${pdf.toString('base64')}` }
    expect(sent[0]!['messages']).toEqual([{ role: 'user', content: [{ type: 'file', file }] }])
  })

  test('a document by URL stays a URL where the vendor fetches it', async () => {
    const { sent } = await sendMessages('responses', user([document]))
    expect(JSON.stringify(sent)).toContain(JSON.stringify({ type: 'input_file', file_url: pdfUrl }))
  })
})

describe('file ids of another vendor', () => {
  const summaryOf = (exchange: Exchange) => [exchange.status, exchange.sent.length, exchange.error.message]
  const refusalMessage = (path: string, by: string, protocol: string) =>
    `${path}: a file kept by a vendor of ${by} cannot be read by one of ${protocol}: send its bytes or its URL`

  test('a Gemini file for another vendor is a 400 that names the field', async () => {
    for (const fileUri of ['https://generativelanguage.googleapis.com/v1beta/files/abc', 'gs://b/x.pdf'])
      for (const [model, protocol] of Object.entries({ chat: 'openai-chat', messages: 'anthropic' }))
        expect(summaryOf(await sendGemini(model, { fileData: { fileUri, mimeType: 'application/pdf' } }))).toEqual([
          ...[400, 0],
          refusalMessage('contents[0].parts[0].fileData.fileUri', 'gemini', protocol),
        ])
  })

  test('an Anthropic file id for another vendor is a 400 that names the field', async () => {
    const source = { type: 'file', file_id: 'file_1' }
    expect(summaryOf(await sendMessages('chat', user([{ type: 'document', source }])))).toEqual([
      ...[400, 0],
      refusalMessage('messages[0].content[0].source.file_id', 'anthropic', 'openai-chat'),
    ])
  })

  test('an OpenAI file id for another vendor is a 400 that names the field, but it reaches the Responses protocol', async () => {
    const file = user([{ type: 'file', file: { file_id: 'file-1' } }])
    expect(summaryOf(await sendChat('messages', file))).toEqual([
      ...[400, 0],
      refusalMessage('messages[0].content[0].file.file_id', 'openai-chat', 'anthropic'),
    ])
    const { status, sent } = await sendChat('responses', file)
    expect(status).toBe(200)
    expect(JSON.stringify(sent)).toContain('"file_id":"file-1"')
  })
})
