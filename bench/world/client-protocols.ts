/** The protocols of a world's clients on the wire: requests, frames and whole answers. */
import type { ReadAnswer } from './ask.ts'

export const clientProtocols = ['openai-chat', 'anthropic', 'openai-responses', 'gemini'] as const
export type ClientProtocol = (typeof clientProtocols)[number]

export type ClientScript = {
  path: (model: string, isStream: boolean) => string
  headers: Record<string, string>
  body: (model: string, prompt: string, isStream: boolean) => object
  /** Reads the data of one frame. */
  readFrame: (data: string) => Partial<ReadAnswer>
  readWhole: (body: unknown) => ReadAnswer
}

type Parsed = {
  error?: unknown
  type?: string
  status?: string
  choices?: { delta?: { content?: string }; message?: { content?: string }; finish_reason?: string | null }[]
  content?: { text?: string }[]
  delta?: string | { text?: string }
  stop_reason?: string
  output?: { content?: { text?: string }[] }[]
  candidates?: { content?: { parts?: { text?: string }[] }; finishReason?: string }[]
}

const errorOf = (body: Parsed): { error?: string } => (body.error ? { error: JSON.stringify(body) } : {})
const joined = (parts: readonly { text?: string }[] | undefined): string =>
  (parts ?? []).map(({ text }) => text ?? '').join('')

const openaiChat: ClientScript = {
  path: () => '/v1/chat/completions',
  headers: {},
  body: (model, prompt, stream) => ({
    model,
    messages: [
      { role: 'system', content: 'Answer briefly.' },
      { role: 'user', content: prompt },
    ],
    stream,
  }),
  readFrame: data => {
    if (data === '[DONE]') return { end: true }
    const body = JSON.parse(data) as Parsed
    return { text: body.choices?.[0]?.delta?.content ?? '', ...errorOf(body) }
  },
  readWhole: parsed => {
    const body = parsed as Parsed
    const choice = body.choices?.[0]
    return { text: choice?.message?.content ?? '', end: choice?.finish_reason === 'stop', ...errorOf(body) }
  },
}

const anthropic: ClientScript = {
  path: () => '/v1/messages',
  headers: { 'anthropic-version': '2023-06-01' },
  body: (model, prompt, stream) => ({ model, max_tokens: 1000, messages: [{ role: 'user', content: prompt }], stream }),
  readFrame: data => {
    const body = JSON.parse(data) as Parsed
    const text = typeof body.delta === 'object' ? (body.delta.text ?? '') : ''
    return { text, end: body.type === 'message_stop', ...errorOf(body) }
  },
  readWhole: parsed => {
    const body = parsed as Parsed
    return { text: joined(body.content), end: body.stop_reason === 'end_turn', ...errorOf(body) }
  },
}

const openaiResponses: ClientScript = {
  path: () => '/v1/responses',
  headers: {},
  body: (model, input, stream) => ({ model, input, stream, store: false }),
  readFrame: data => {
    const body = JSON.parse(data) as Parsed
    const isText = body.type === 'response.output_text.delta' && typeof body.delta === 'string'
    const hasFailed = body.type === 'error' || body.type === 'response.failed'
    return {
      text: isText ? (body.delta as string) : '',
      end: body.type === 'response.completed',
      ...(hasFailed && { error: data }),
    }
  },
  readWhole: parsed => {
    const body = parsed as Parsed
    const text = (body.output ?? []).map(({ content }) => joined(content)).join('')
    return { text, end: body.status === 'completed', ...errorOf(body) }
  },
}

const readGemini = (parsed: unknown): ReadAnswer => {
  const body = parsed as Parsed
  const candidate = body.candidates?.[0]
  return { text: joined(candidate?.content?.parts), end: candidate?.finishReason === 'STOP', ...errorOf(body) }
}
const gemini: ClientScript = {
  path: (model, isStream) =>
    `/v1beta/models/${model}:${isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  headers: {},
  body: (_, prompt) => ({ contents: [{ role: 'user', parts: [{ text: prompt }] }] }),
  readFrame: data => readGemini(JSON.parse(data)),
  readWhole: readGemini,
}

export const clientScripts: Readonly<Record<ClientProtocol, ClientScript>> = {
  'openai-chat': openaiChat,
  anthropic,
  'openai-responses': openaiResponses,
  gemini,
}
