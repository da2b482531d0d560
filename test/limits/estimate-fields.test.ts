/** Each field of a request that an estimate of its tokens counts, and each that it does not. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import * as estimate from '../../src/limits/estimate.ts'
import { clientProtocolOf } from '../../src/protocols/registry.ts'

/** A path that no protocol describes: the default reader knows the usual names of all wires. */
const { reader } = clientProtocolOf('some/path')
const estimatePromptTokens = (body: JsonObject) => estimate.estimatePromptTokens(reader, body)
const estimateTokens = (body: JsonObject) => estimate.estimateTokens(reader, body)

/** Ten tokens. */
const text = 'x'.repeat(40)

describe('an estimate counts', () => {
  test.each([
    'messages',
    'system',
    'systemInstruction',
    'system_instruction',
    'instructions',
    'input',
    'prompt',
    'contents',
    'content',
    'requests',
    'query',
    'documents',
  ])('the text in %s, at any depth', field => {
    expect(estimatePromptTokens({ [field]: text })).toBe(10)
    expect(estimatePromptTokens({ [field]: [{ role: 'user', parts: [{ type: 'text', text }] }] })).toBe(10)
  })

  test.each(['tools', 'functions', 'response_format'])('%s as JSON, names included', field =>
    expect(estimatePromptTokens({ [field]: [{ type: text }] })).toBe(Math.ceil(`[{"type":"${text}"}]`.length / 4)),
  )

  test.each(['model', 'user', 'metadata', 'stop', 'tool_choice', 'stream', 'suffix', 'title'])('nothing of %s', field =>
    expect(estimatePromptTokens({ [field]: text })).toBe(0),
  )

  test.each([
    'type',
    'role',
    'id',
    'tool_call_id',
    'call_id',
    'cache_control',
    'signature',
    'encrypted_content',
    'thoughtSignature',
    'thought_signature',
    'extra_content',
  ])('nothing of a %s inside a message', field =>
    expect(estimatePromptTokens({ messages: [{ content: text, [field]: text }] })).toBe(10),
  )

  test.each(['name', 'arguments', 'output', 'reasoning_content'])('the %s inside a message', field =>
    expect(estimatePromptTokens({ messages: [{ content: text, [field]: text }] })).toBe(20),
  )

  test.each([
    'image',
    'image_url',
    'input_image',
    'input_audio',
    'audio',
    'audio_url',
    'video',
    'video_url',
    'file',
    'input_file',
    'document',
  ])('1000 for a part of the type %s', type =>
    expect(
      estimatePromptTokens({
        messages: [
          {
            content: [
              { type, data: text },
              { type: 'text', text },
            ],
          },
        ],
      }),
    ).toBe(1010),
  )

  test.each([
    'image_url',
    'input_audio',
    'audio_url',
    'video_url',
    'inline_data',
    'inlineData',
    'file_data',
    'fileData',
  ])('1000 for a part with the field %s', field =>
    expect(estimatePromptTokens({ contents: [{ parts: [{ [field]: { data: text } }, { text }] }] })).toBe(1010),
  )

  test('1000 for a data URL with base64, and the text of any other', () => {
    expect(estimatePromptTokens({ input: `data:image/png;base64,${text}` })).toBe(1000)
    expect(estimatePromptTokens({ input: 'data:text/plain,words' })).toBe(Math.ceil('data:text/plain,words'.length / 4))
  })

  // The blocks of the Unicode standard at their first and last characters.
  test.each([
    ['U+3000', 1],
    ['U+9FFF', 1],
    ['U+AC00', 1],
    ['U+D7A3', 1],
    ['U+F900', 1],
    ['U+FAFF', 1],
    ['U+FF00', 1],
    ['U+FFEF', 1],
    ['U+20000', 1],
    ['U+323AF', 1],
    ['U+2FFF', 0.75],
    ['U+A000', 0.75],
    ['U+D7A4', 0.75],
    ['U+FFF0', 0.75],
    ['U+07FF', 0.5],
    ['U+0800', 0.75],
    ['U+007F', 0.25],
    ['U+0080', 0.5],
    ['U+1F600', 1],
    ['U+32400', 1],
  ])('%s as %d of a token', (name, tokens) => {
    const character = String.fromCodePoint(Number.parseInt(name.slice(2), 16))
    expect(estimatePromptTokens({ prompt: character.repeat(8) })).toBe(tokens * 8)
  })
})

describe('the answer is estimated by', () => {
  const limits: JsonObject[] = [
    { max_completion_tokens: 7 },
    { max_tokens: 7 },
    { max_output_tokens: 7 },
    { generationConfig: { maxOutputTokens: 7 } },
    { generationConfig: { max_output_tokens: 7 } },
    { generation_config: { maxOutputTokens: 7 } },
    { generation_config: { max_output_tokens: 7 } },
  ]
  const readerOf = (limit: JsonObject) =>
    Object.keys(limit)[0]!.startsWith('generation') ? clientProtocolOf('gemini').reader : reader
  test.each(limits)('%j', limit => expect(estimate.estimateTokens(readerOf(limit), { messages: [], ...limit })).toBe(7))
  test('the newest name of the limit, if there are several', () =>
    expect(estimateTokens({ messages: [], max_tokens: 9, max_completion_tokens: 7, max_output_tokens: 8 })).toBe(7))
  test('500, if no limit is given or it is no number', () => {
    for (const body of [{ messages: [] }, { messages: [], max_tokens: null }, { messages: [], max_tokens: '7' }])
      expect(estimateTokens(body)).toBe(500)
  })
  test('0, if the limit is below it', () => expect(estimateTokens({ messages: [], max_tokens: -5 })).toBe(0))

  const generating: JsonObject[] = [
    { messages: [] },
    { contents: [] },
    { prompt: '' },
    { instructions: '' },
    { input: [{ role: 'user' }] },
    { input: [{ type: 'message' }] },
  ]
  test.each(generating)('500 for %j, which is answered with text', body => expect(estimateTokens(body)).toBe(500))
  const other: JsonObject[] = [{ input: '' }, { input: [] }, { input: [{ type: 'image' }] }, { query: '' }, {}]
  test.each(other)('nothing for %j, which is not', body => expect(estimateTokens(body) % 500).toBe(0))
  test('nothing for embeddings', () => expect(estimateTokens({ input: text })).toBe(10))
})
