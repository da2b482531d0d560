/** What the vendors of Chat Completions refuse of a translated request, and what is sent instead. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { wireOf } from '../../src/providers/resolve-url.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'

const translatedBody: JsonObject = {
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } }] },
    { role: 'assistant', content: 'ho', reasoning_content: 'hm' },
  ],
  tools: [{ type: 'function', function: { name: 'f' }, cache_control: { type: 'ephemeral' } }],
  max_tokens: 9,
  top_k: 5,
  user: 'u'.repeat(65),
}

const trimBody = (type: string, model: string, serverUrl?: string, body = translatedBody, protocol = 'openai-chat') => {
  const entry = entryOf(type, serverUrl === undefined ? {} : { serverUrl })
  const resolved = wireOf(entry)
  if ('unsupported' in resolved) throw new Error(resolved.unsupported)
  const losses: string[] = []
  const changed = structuredClone(body)
  resolved.wire.trimTranslated?.[protocol]?.(changed, path => losses.push(path), targetOf(entry, model))
  return { body: changed, losses: losses.sort() }
}

const plainMessages = [
  { role: 'user', content: [{ type: 'text', text: 'hi' }] },
  { role: 'assistant', content: 'ho' },
]
const expectedLosses = [
  'messages[0].content[0].cache_control',
  'messages[1].reasoning_content',
  'tools[0].cache_control',
]

describe("OpenAI's own service", () => {
  const cases: [type: string, model: string, serverUrl: string | undefined][] = [
    ['openai', 'gpt-5.6', undefined],
    ['openai', 'gpt-4o', undefined],
    ['openai', 'o4-mini', 'https://eu.api.openai.com/v1'],
    ['azure', 'my-gpt-5-mini', 'https://x.openai.azure.com'],
    ['azure', 'any', 'https://x.openai.azure.com/openai/deployments/o3?api-version=2025-01-01-preview'],
  ]
  test.each(cases)('%s, %s gets only fields that it knows', (type, model, serverUrl) => {
    const { body, losses } = trimBody(type, model, serverUrl)
    expect(body).toEqual({
      messages: plainMessages,
      tools: [{ type: 'function', function: { name: 'f' } }],
      max_completion_tokens: 9,
      user: new Bun.CryptoHasher('sha256').update('u'.repeat(65)).digest('hex'),
    })
    expect(losses).toEqual([...expectedLosses, 'top_k', 'user'])
  })

  test('a deployment that does not name a reasoning model keeps max_tokens', () => {
    const url = 'https://x.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-06-01'
    for (const [model, server] of [
      ['gpt-4o', 'https://x.openai.azure.com'],
      ['gpt-5', url],
      ['demo4', 'https://x.openai.azure.com'],
    ] as const)
      expect(trimBody('azure', model, server).body).toMatchObject({ max_tokens: 9 })
  })

  test('a file gets a name in Chat Completions and Responses', () => {
    const data = 'data:application/pdf;base64,JVBERi0='
    const namedFile = { file_data: data, filename: 'file.pdf' }
    const withFile = (file_data: string, more = {}) => ({
      messages: [{ role: 'user', content: [{ type: 'file', file: { file_data, ...more } }] }],
    })
    expect(trimBody('openai', 'gpt-5', undefined, withFile(data)).body).toEqual(
      withFile(data, { filename: 'file.pdf' }),
    )
    expect(trimBody('openai', 'gpt-5', undefined, withFile('JVBERi0=')).body).toEqual(
      withFile(data, { filename: 'file.pdf' }),
    )
    expect(trimBody('openai', 'gpt-5', undefined, withFile(data, { filename: 'a' })).body).toEqual(
      withFile(data, { filename: 'a' }),
    )
    const input = (file: JsonObject) => ({ input: [{ role: 'user', content: [{ type: 'input_file', ...file }] }] })
    const { body } = trimBody('openai', 'o3-pro', undefined, input({ file_data: data }), 'openai-responses')
    expect(body).toEqual(input(namedFile))
  })

  test('a short user and an existing max_completion_tokens are kept', () => {
    const body = { messages: [], user: 'ann', max_tokens: 9, max_completion_tokens: 7 }
    expect(trimBody('openai', 'gpt-5', undefined, body)).toEqual({
      body: { messages: [], user: 'ann', max_completion_tokens: 7 },
      losses: [],
    })
  })
})

test("a server of the user's own and a model of another vendor get all fields", () => {
  for (const [type, model, serverUrl] of [
    ['openai', 'gpt-5', 'http://localhost:8000/v1'],
    ['openai', 'deepseek-chat', undefined],
    ['vllm', 'm', undefined],
    ['deepseek', 'deepseek-flash', undefined],
  ] as const)
    expect(trimBody(type, model, serverUrl)).toEqual({ body: translatedBody, losses: [] })
})

test('fields that Groq and Mistral refuse are removed', () => {
  for (const type of ['groq', 'mistral']) {
    const { body, losses } = trimBody(type, 'm')
    expect(body['top_k']).toBeUndefined()
    expect(JSON.stringify(body)).not.toContain('cache_control')
    expect(losses).toEqual([expectedLosses[0]!, expectedLosses[2]!, 'top_k'])
  }
})
