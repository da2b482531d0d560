/** One request for each kind of place that can grow, whatever its schema. */
import type { Vendor } from './in-process-gateway.ts'

export type RequestKind = {
  path: string
  /** The model, which decides about the vendor. */
  model: Vendor
  contentType?: string
  build: (size: number, model: string) => string
}

const times = <T>(count: number, create: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => create(index))
const json =
  (build: (size: number) => object) =>
  (size: number, model: string): string =>
    JSON.stringify({ model, ...build(size) })
const hello = { role: 'user', content: 'Hello' }
const boundary = 'the-boundary'
const field = (name: string, value: string): string =>
  `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const url = (index: number) => `https://127.0.0.1/${index}.png`
const chat = '/v1/chat/completions'
const messages = '/v1/messages'

export const requestKinds: Record<string, RequestKind> = {
  'a long text': {
    path: chat,
    model: 'messages',
    build: json(size => ({ messages: [{ role: 'user', content: 'x'.repeat(size) }] })),
  },
  messages: { path: chat, model: 'google', build: json(size => ({ messages: times(size, () => hello) })) },
  'parallel calls and their results': {
    path: chat,
    model: 'converse',
    build: json(size => ({
      messages: [
        hello,
        {
          role: 'assistant',
          tool_calls: times(size, at => ({ id: `c${at}`, type: 'function', function: { name: 'f', arguments: '{}' } })),
        },
        ...times(size, at => ({ role: 'tool', tool_call_id: `c${size - 1 - at}`, content: 'r' })),
      ],
    })),
  },
  'tools that a choice names': {
    path: '/v1/responses',
    model: 'messages',
    build: json(size => {
      const tools = times(size, at => ({ type: 'function', name: `f${at}` }))
      return { input: 'Hello', tools, tool_choice: { type: 'allowed_tools', mode: 'auto', tools: tools.toReversed() } }
    }),
  },
  'tools of the vendor that another vendor does not have': {
    path: '/v1/responses',
    model: 'messages',
    build: json(size => ({ input: 'Hello', tools: times(size, () => ({ type: 'web_search' })) })),
  },
  'legacy functions': {
    path: chat,
    model: 'messages',
    build: json(size => ({ messages: [hello], functions: times(size, at => ({ name: `f${at}` })) })),
  },
  'top-level keys that pass': {
    path: messages,
    model: 'messages',
    build: json(size => ({ max_tokens: 1, messages: [hello], ...keys(size) })),
  },
  'top-level keys beside params of the entry': {
    path: chat,
    model: 'chat',
    build: json(size => ({ messages: [hello], ...keys(size) })),
  },
  'top-level keys in translation': {
    path: chat,
    model: 'converse',
    build: json(size => ({ messages: [hello], ...keys(size) })),
  },
  'keys of an object': {
    path: messages,
    model: 'google',
    build: json(size => ({ max_tokens: 1, messages: [hello], metadata: keys(size) })),
  },
  'media URLs beyond max_files': {
    path: chat,
    model: 'google',
    build: json(size => ({
      messages: [{ role: 'user', content: times(size, at => ({ type: 'image_url', image_url: { url: url(at) } })) }],
    })),
  },
  'blocks of one message': {
    path: messages,
    model: 'converse',
    build: json(size => ({
      max_tokens: 1,
      messages: [{ role: 'user', content: times(size, () => ({ type: 'text', text: 'x' })) }],
    })),
  },
  'system messages for a vendor without them': {
    path: chat,
    model: 'patched',
    build: json(size => ({ messages: [...times(size, () => ({ role: 'system', content: 'x' })), hello] })),
  },
  'parts of a content': {
    path: '/v1beta/models/chat:generateContent',
    model: 'chat',
    build: json(size => ({ contents: [{ parts: times(size, () => ({ text: 'x' })) }] })),
  },
  prompts: { path: '/v1/completions', model: 'messages', build: json(size => ({ prompt: times(size, () => 'x') })) },
  inputs: { path: '/v1/embeddings', model: 'google', build: json(size => ({ input: times(size, () => 'x') })) },
  documents: {
    path: '/v1/rerank',
    model: 'chat',
    build: json(size => ({ query: 'x', documents: times(size, () => 'x') })),
  },
  'numbers that need exact spelling': {
    path: chat,
    model: 'google',
    build: json(size => ({
      messages: [hello],
      tools: [{ type: 'function', function: { name: 'f', parameters: { enum: times(size, at => at + 0.5e-7) } } }],
    })),
  },
  'form fields': {
    path: '/v2/translate',
    model: 'chat',
    contentType: 'application/x-www-form-urlencoded',
    build: size => `target_lang=DE&text=x${times(size, at => `&a${at}=1`).join('')}`,
  },
  'fields of an upload': {
    path: '/v1/images/edits',
    model: 'chat',
    contentType: `multipart/form-data; boundary=${boundary}`,
    build: (size, model) =>
      `${times(size, at => field(`a${at}`, 'x')).join('')}${field('model', model)}--${boundary}--\r\n`,
  },
  'references to stored items': {
    path: '/v1/responses',
    model: 'responses',
    build: json(size => ({ input: times(size, at => ({ type: 'item_reference', id: `msg_${at}` })) })),
  },
}

/** Keys that no protocol knows. */
const keys = (count: number): Record<string, number> => Object.fromEntries(times(count, at => [`key${at}`, 1]))
