/** Every role, schema keyword, tool choice, effort and media type of a request, protocol by protocol. */
import { describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { Chat, Effort, MediaPart, Part, Turn } from '../../src/ir/chat.ts'
import { budgetOf, effortOf, isEffort } from '../../src/ir/effort.ts'
import { headers as anthropicHeaders } from '../../src/protocols/anthropic/headers.ts'
import { jsonSchemaOf } from '../../src/protocols/gemini/syntax/json-schema.ts'
import { parseModelPath } from '../../src/protocols/gemini/syntax/model-path.ts'
import { parseThinking, renderThinking } from '../../src/protocols/gemini/thinking.ts'
import { egressOf, protocols } from '../../src/protocols/registry.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const parse = (protocol: string, body: JsonObject): { chat: Chat; losses: string[] } => {
  const losses: string[] = []
  return { chat: protocols.get(protocol)!.parseRequest({ model: 'm', ...body }, path => losses.push(path)), losses }
}

const render = (protocol: string, chat: Partial<Chat>): { body: JsonObject; losses: string[] } => {
  const losses: string[] = []
  const turns: Turn[] = [{ role: 'user', parts: [{ type: 'text', text: 'words' }] }]
  const exchange = exchangeFor({ loss: path => losses.push(path) })
  return { body: egressOf(protocol)!.renderRequest({ model: 'm', stream: false, turns, ...chat }, exchange), losses }
}

describe('a role', () => {
  test.each([
    ['openai-chat', 'system', 'system'],
    ['openai-chat', 'developer', 'system'],
    ['openai-chat', 'user', 'user'],
    ['openai-chat', 'assistant', 'assistant'],
    ['openai-chat', 'tool', 'user'],
    ['openai-chat', 'function', 'user'],
  ] as const)('%s: %s is %s of the neutral form', (protocol, wireRole, role) => {
    const answered = [
      { role: 'user', content: 'words' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
    ]
    const message = { role: wireRole, content: 'words', ...(wireRole === 'tool' && { tool_call_id: 'c' }), name: 'f' }
    const { chat } = parse(protocol, { messages: wireRole === 'tool' ? [...answered, message] : [message] })
    expect(chat.turns.at(-1)?.role).toBe(role)
  })

  test.each([
    ['system', 'system'],
    ['developer', 'system'],
    ['user', 'user'],
    ['assistant', 'assistant'],
    ['invented', 'user'],
  ] as const)('openai-responses: %s is %s of the neutral form', (wireRole, role) => {
    const input = [{ type: 'message', role: wireRole, content: 'words' }]
    expect(parse('openai-responses', { input }).chat.turns.at(-1)?.role).toBe(role)
  })

  test.each([
    ['user', 'user', []],
    ['model', 'assistant', []],
    ['assistant', 'assistant', []],
    ['system', 'system', []],
    ['function', 'user', []],
    ['tool', 'user', []],
    [undefined, 'user', []],
    ['invented', 'user', ['contents.role']],
    ['USER', 'user', ['contents.role']],
  ] as const)('gemini: %p is %s of the neutral form', (wireRole, role, losses) => {
    const contents = [{ ...(wireRole !== undefined && { role: wireRole }), parts: [{ text: 'words' }] }]
    const { chat, losses: noted } = parse('gemini', { contents })
    expect([chat.turns.at(-1)?.role, noted]).toEqual([role, [...losses]])
  })

  test('gemini: contents of the role system reach a vendor of another protocol as system messages', () => {
    const contents = [
      { role: 'system', parts: [{ text: 'rules' }] },
      { role: 'user', parts: [{ text: 'words' }] },
    ]
    const { chat } = parse('gemini', { contents })
    expect(render('openai-chat', chat).body['messages']).toEqual([
      { role: 'system', content: 'rules' },
      { role: 'user', content: 'words' },
    ])
    expect(render('anthropic', chat).body['system']).toBe('rules')
  })

  test.each([
    ['user', 'user'],
    ['assistant', 'assistant'],
    ['system', 'system'],
  ] as const)('anthropic: %s is %s of the neutral form', (wireRole, role) => {
    const messages = [
      { role: 'user', content: 'words' },
      { role: wireRole, content: 'words' },
    ]
    expect(parse('anthropic', { max_tokens: 1, messages }).chat.turns.at(-1)?.role).toBe(role)
  })
})

describe("a keyword of Google's schemas", () => {
  // https://ai.google.dev/api/caching#Schema: the counts are int64, which Google's JSON writes as text.
  test.each(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'])(
    '%s may be a number as text',
    keyword => {
      expect(jsonSchemaOf({ type: 'ARRAY', [keyword]: '12' })).toEqual({ type: 'array', [keyword]: 12 })
      expect(jsonSchemaOf({ [keyword]: 12 })).toEqual({ [keyword]: 12 })
      for (const text of ['', '-1', '1.5', 'many'])
        expect(jsonSchemaOf({ [keyword]: text })).toEqual({ [keyword]: text })
    },
  )
  test.each(['minimum', 'maximum', 'pattern', 'title', 'example', 'default'])('%s as text stays text', keyword =>
    expect(jsonSchemaOf({ [keyword]: '12' })).toEqual({ [keyword]: '12' }),
  )

  test.each(['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'])(
    'the type %s is written small',
    type => {
      expect(jsonSchemaOf({ type })).toEqual({ type: type.toLowerCase() })
      expect(jsonSchemaOf({ type: [type, 'NULL'] })).toEqual({ type: [type.toLowerCase(), 'null'] })
    },
  )

  test.each(['properties', '$defs', 'definitions', 'patternProperties'])('%s holds schemas by their names', keyword => {
    const schema = { [keyword]: { type: { type: 'STRING' }, minItems: { minItems: '1' } } }
    expect(jsonSchemaOf(schema)).toEqual({ [keyword]: { type: { type: 'string' }, minItems: { minItems: 1 } } })
  })

  test.each(['items', 'anyOf', 'oneOf', 'allOf', 'prefixItems', 'additionalProperties', 'not'])(
    '%s holds a schema, or a list of them',
    keyword => {
      expect(jsonSchemaOf({ [keyword]: { type: 'STRING' } })).toEqual({ [keyword]: { type: 'string' } })
      expect(jsonSchemaOf({ [keyword]: [{ type: 'STRING' }, true] })).toEqual({ [keyword]: [{ type: 'string' }, true] })
    },
  )
  test.each(['enum', 'required', 'default', 'example', 'const'])('%s holds values, which stay as they are', keyword =>
    expect(jsonSchemaOf({ [keyword]: [{ type: 'STRING' }] })).toEqual({ [keyword]: [{ type: 'STRING' }] }),
  )

  test.each([
    [{ type: 'STRING', nullable: true }, { type: ['string', 'null'] }],
    [
      { type: 'STRING', nullable: true, enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [{ type: 'STRING', nullable: false }, { type: 'string' }],
    [{ any_of: [{ type: 'STRING' }], nullable: true }, { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    [{ nullable: true, description: 'd' }, { description: 'd' }],
  ] as const)('nullable: %j becomes %j', (schema, converted) =>
    expect(jsonSchemaOf(schema as unknown as Json)).toEqual(converted as unknown as Json),
  )
})

describe('a choice of tools', () => {
  const named = { name: 'look' }
  test.each([
    ['auto', 'auto'],
    ['none', 'none'],
    ['required', 'any'],
    ['any', 'any'],
    [{ type: 'function', function: named }, named],
    [{ type: 'custom', custom: named }, named],
    ['invented', undefined],
    [null, undefined],
  ] as const)('openai-chat: %j is %j', (tool_choice, choice) => {
    const tools = [{ type: 'function', function: { name: 'look' } }]
    const { chat } = parse('openai-chat', { messages: [{ role: 'user', content: 'x' }], tools, tool_choice })
    expect(chat.choice).toEqual(choice)
  })
  test.each([
    ['auto', 'auto'],
    ['none', 'none'],
    [named, named],
  ] as const)('openai-chat: the legacy function_call %j is %j', (function_call, choice) => {
    const functions = [{ name: 'look' }]
    const { chat } = parse('openai-chat', { messages: [{ role: 'user', content: 'x' }], functions, function_call })
    expect(chat.choice).toEqual(choice)
  })
  test.each([
    ['AUTO', undefined, 'auto'],
    ['auto', undefined, 'auto'],
    ['VALIDATED', undefined, 'auto'],
    ['ANY', undefined, 'any'],
    ['ANY', ['look'], named],
    ['ANY', ['look', 'see'], 'any'],
    ['NONE', undefined, 'none'],
    ['MODE_UNSPECIFIED', undefined, undefined],
  ] as const)('gemini: %s of %j is %j', (mode, allowedFunctionNames, choice) => {
    const functionCallingConfig = { mode, ...(allowedFunctionNames && { allowedFunctionNames }) }
    const body = { contents: [{ parts: [{ text: 'x' }] }], toolConfig: { functionCallingConfig } }
    expect(parse('gemini', body as unknown as JsonObject).chat.choice).toEqual(choice)
  })
  test.each([
    ['auto', 'AUTO'],
    ['any', 'ANY'],
    ['none', 'NONE'],
  ] as const)('%s is sent to Gemini as %s', (choice, mode) =>
    expect(render('gemini', { tools: [named], choice }).body['toolConfig']).toEqual({
      functionCallingConfig: { mode },
    }),
  )
})

describe('an effort', () => {
  // https://ai.google.dev/gemini-api/docs/openai for low, medium and high.
  const budgets = [
    ['none', 0],
    ['minimal', 512],
    ['low', 1024],
    ['medium', 8192],
    ['high', 24_576],
    ['xhigh', 32_768],
  ] as const
  test.each(budgets)('%s is worth %d tokens', (effort, budget) => {
    expect(isEffort(effort)).toBe(true)
    expect(budgetOf(effort)).toBe(budget)
    expect(effortOf(budget)).toBe(effort)
  })
  test.each([
    [-1, undefined],
    [1, 'minimal'],
    [513, 'low'],
    [1025, 'medium'],
    [8193, 'high'],
    [24_577, 'xhigh'],
    [1_000_000, 'xhigh'],
  ] as const)('of %d tokens is %p', (budget, effort) => expect(effortOf(budget)).toBe(effort))
  test.each(['', 'max', 'LOW', 'constructor', 7, null])('is not %j', value => expect(isEffort(value)).toBe(false))

  test.each([
    ['MINIMAL', 'minimal'],
    ['LOW', 'low'],
    ['MEDIUM', 'medium'],
    ['HIGH', 'high'],
    ['high', 'high'],
    ['THINKING_LEVEL_UNSPECIFIED', undefined],
  ])('gemini: the level %s is %p', (thinkingLevel, effort) =>
    expect(parseThinking({ thinkingLevel })?.effort).toBe(effort as Effort),
  )

  const gemini = (effort: Effort, model: string) => {
    const losses: string[] = []
    return { ...renderThinking({ effort }, model, path => losses.push(path)), losses }
  }
  // https://ai.google.dev/gemini-api/docs/thinking
  test.each([
    ['none', 'MINIMAL', 'LOW', 0, 128],
    ['minimal', 'MINIMAL', 'LOW', 512, 512],
    ['low', 'LOW', 'LOW', 1024, 1024],
    ['medium', 'MEDIUM', 'MEDIUM', 8192, 8192],
    ['high', 'HIGH', 'HIGH', 24_576, 24_576],
    ['xhigh', 'HIGH', 'HIGH', 24_576, 32_768],
  ] as const)('%s is sent to Gemini 3 Flash as %s, to 3 Pro as %s, to 2.5 Flash as %d, to 2.5 Pro as %d', (...row) => {
    const [effort, flash3, pro3, flash25, pro25] = row
    expect(gemini(effort, 'gemini-3-flash')).toMatchObject({ thinkingLevel: flash3 })
    expect(gemini(effort, 'gemini-flash-latest')).toMatchObject({ thinkingLevel: flash3 })
    expect(gemini(effort, 'gemini-3.1-pro-preview')).toMatchObject({ thinkingLevel: pro3 })
    expect(gemini(effort, 'gemini-2.5-flash')).toMatchObject({ thinkingBudget: flash25 })
    expect(gemini(effort, 'gemini-2.5-pro')).toMatchObject({ thinkingBudget: pro25 })
    expect(gemini(effort, 'some-proxy-model')).toMatchObject({ thinkingLevel: flash3 })
    expect(gemini(effort, 'gemini-3-flash').losses).toEqual(effort === 'none' ? ['reasoning.effort'] : [])
    for (const model of ['gemini-2.0-flash', 'gemini-1.5-pro', 'gemma-3-27b-it'])
      expect(gemini(effort, model)).toEqual({ losses: effort === 'none' ? [] : ['reasoning'] })
  })

  test.each([
    ['gemini-2.5-flash-lite', 100, 512],
    ['gemini-2.5-flash', 1, 1],
    ['gemini-2.5-pro', 1, 128],
    ['gemini-2.5-pro', 40_000, 32_768],
    ['gemini-2.5-flash', 40_000, 24_576],
    ['gemini-2.5-flash', -1, -1],
    ['gemini-2.5-pro', 0, 128],
    ['gemini-2.5-flash-lite', 0, 0],
  ])('%s takes %d tokens as %d', (model, budget, sent) => {
    const losses: string[] = []
    expect(renderThinking({ budget }, model, path => losses.push(path))).toMatchObject({ thinkingBudget: sent })
    expect(losses).toEqual(sent === budget ? [] : ['reasoning.budget'])
  })

  test.each([
    ['minimal', 'low'],
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'high'],
  ] as const)('%s is sent to Nova and to gpt-oss on Converse as %s', (effort, word) => {
    const fields = (model: string) => render('bedrock-converse', { model, reasoning: { effort } }).body
    expect(fields('amazon.nova-2-lite-v1:0')).toMatchObject({
      additionalModelRequestFields: { reasoningConfig: { type: 'enabled', maxReasoningEffort: word } },
    })
    expect(fields('openai.gpt-oss-120b-1:0')).toMatchObject({
      additionalModelRequestFields: { reasoning_effort: word },
    })
  })

  test.each([
    ['minimal', 'low', 1024],
    ['low', 'low', 1024],
    ['medium', 'medium', 8192],
    ['high', 'high', 24_576],
    ['xhigh', 'xhigh', 32_768],
  ] as const)('%s is sent to a current Claude as %s and to an older one as %d tokens', (effort, word, budget) => {
    expect(render('anthropic', { model: 'claude-opus-4-8', reasoning: { effort } }).body).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: word },
    })
    expect(render('anthropic', { model: 'claude-sonnet-4-5', reasoning: { effort } }).body).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: budget },
    })
  })
  test('xhigh is sent to Claude 4.6 as high, which is its highest', () => {
    const { body } = render('anthropic', { model: 'claude-opus-4-6', reasoning: { effort: 'xhigh' } })
    expect(body).toMatchObject({ output_config: { effort: 'high' } })
  })
  test.each([
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'xhigh'],
    ['max', 'xhigh'],
    ['invented', undefined],
  ])('anthropic: %s is %p', (effort, parsed) => {
    const body = { max_tokens: 1, messages: [{ role: 'user', content: 'x' }], output_config: { effort } }
    expect(parse('anthropic', body).chat.reasoning?.effort).toBe(parsed as Effort)
  })
})

describe('a path of the Gemini API', () => {
  test.each([
    ['generateContent', false],
    ['streamGenerateContent', true],
    ['countTokens', false],
    ['embedContent', false],
    ['batchEmbedContents', false],
  ])('may end with %s', (verb, stream) => {
    for (const separator of [':', '%3A', '%3a'])
      expect(parseModelPath(`/v1beta/models/m${separator}${verb}`, '')).toEqual({
        model: 'm',
        verb,
        stream,
        sse: false,
      } as never)
  })
  test.each(['predict', 'rawPredict', 'generatecontent', 'constructor'])('may not end with %s', verb =>
    expect(parseModelPath(`/v1beta/models/m:${verb}`, '')).toBeUndefined(),
  )
  test.each([
    '/v1/models/m',
    '/v1beta/models/m',
    '/v1beta1/models/m',
    '/v1alpha/models/m',
    '/gemini/v1beta/models/m',
    '/v1beta/models/models/m',
    '/v1beta/models%2Fm',
    '/v1beta/tunedModels/m',
    '/v1/publishers/google/models/m',
    '/v1/projects/p/locations/l/publishers/google/models/m',
    '/v1beta/models/publishers/google/models/m',
  ])('%s names the model m', path =>
    expect(parseModelPath(`${path}:generateContent`, 'alt=sse')).toMatchObject({ model: 'm', sse: true }),
  )
  test.each(['/v2/models/m', '/v1beta/m', '/v1beta/models/', '/x/v1beta/models/m', '/v1betax/models/m'])(
    '%s is none',
    path => expect(parseModelPath(`${path}:generateContent`, '')).toBeUndefined(),
  )
})

describe('a beta of Anthropic', () => {
  // The list of @anthropic-ai/sdk 1.11 (`AnthropicBeta`), and those that Claude Code 2 sends.
  const betas = `advanced-tool-use-2025-11-20 advisor-tool-2026-03-01 cache-diagnosis-2026-04-07 claude-code-20250219
    code-execution-2025-05-22 code-execution-2025-08-25 compact-2026-01-12 compact-2026-09-04 computer-use-2024-10-22
    computer-use-2025-01-24 computer-use-2025-11-24 context-1m-2025-08-07 context-management-2025-06-27
    dev-full-thinking-2025-05-14 effort-2025-11-24 extended-cache-ttl-2025-04-11 fallback-credit-2026-06-01
    fallback-credit-2026-07-01 fast-mode-2026-02-01 files-api-2025-04-14 fine-grained-tool-streaming-2025-05-14
    inline-tools-2026-09-15 interleaved-thinking-2025-05-14 max-tokens-3-5-sonnet-2024-07-15 mcp-client-2025-04-04
    mcp-client-2025-11-20 mcp-client-2026-09-15 message-threads-2026-08-12 mid-conversation-output-config-2026-07-01
    mid-conversation-system-clear-at-2026-08-21 mid-conversation-tool-changes-2026-07-01
    model-context-window-exceeded-2025-08-26 oauth-2025-04-20 output-128k-2025-02-19 output-300k-2026-03-24
    pdfs-2024-09-25 prompt-caching-2024-07-31 prompt-caching-scope-2026-01-05 server-side-fallback-2026-06-01
    server-side-fallback-2026-07-01 skills-2025-10-02 structured-outputs-2025-11-13 structured-outputs-2025-12-15
    task-budgets-2026-03-13 thinking-binding-controls-2026-08-01 thinking-display-updates-2026-08-18
    thinking-token-count-2026-05-13 token-counting-2024-11-01 token-efficient-tools-2025-02-19 web-fetch-2025-09-10`
  test.each(betas.split(/\s+/))('%s is forwarded', beta =>
    expect(anthropicHeaders(new Headers({ 'anthropic-beta': ` ${beta} , unknown-2025-01-01` }))).toEqual({
      'anthropic-version': '2023-06-01',
      'anthropic-beta': beta,
    }),
  )
})

describe('a type of media', () => {
  const media = (mime: string, data = 'AAAA'): MediaPart => ({ type: 'media', mime, source: { data } })
  const renderPart = (protocol: string, part: Part) => {
    const { body, losses } = render(protocol, { turns: [{ role: 'user', parts: [{ type: 'text', text: 'x' }, part] }] })
    return { text: JSON.stringify(body), losses }
  }

  // docs.aws.amazon.com: ImageBlock, DocumentBlock, VideoBlock, AudioBlock of Converse.
  test.each([
    ['image/png', 'image', 'png'],
    ['image/jpeg', 'image', 'jpeg'],
    ['image/jpg', 'image', 'jpeg'],
    ['image/gif', 'image', 'gif'],
    ['image/webp', 'image', 'webp'],
    ['application/pdf', 'document', 'pdf'],
    ['text/csv', 'document', 'csv'],
    ['application/msword', 'document', 'doc'],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'document', 'docx'],
    ['application/vnd.ms-excel', 'document', 'xls'],
    ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'document', 'xlsx'],
    ['text/html', 'document', 'html'],
    ['text/plain', 'document', 'txt'],
    ['text/plain; charset=utf-8', 'document', 'txt'],
    ['text/markdown', 'document', 'md'],
    ['text/x-invented', 'document', 'txt'],
    ['video/mp4', 'video', 'mp4'],
    ['video/webm', 'video', 'webm'],
    ['video/quicktime', 'video', 'mov'],
    ['video/x-matroska', 'video', 'mkv'],
    ['video/x-flv', 'video', 'flv'],
    ['video/mpeg', 'video', 'mpeg'],
    ['video/x-ms-wmv', 'video', 'wmv'],
    ['video/3gpp', 'video', 'three_gp'],
    ['audio/mpeg', 'audio', 'mp3'],
    ['audio/mp3', 'audio', 'mp3'],
    ['audio/wav', 'audio', 'wav'],
    ['audio/x-wav', 'audio', 'wav'],
    ['audio/aac', 'audio', 'aac'],
    ['audio/flac', 'audio', 'flac'],
    ['audio/ogg', 'audio', 'ogg'],
    ['audio/opus', 'audio', 'opus'],
    ['audio/mp4', 'audio', 'mp4'],
    ['audio/x-m4a', 'audio', 'm4a'],
    ['audio/webm', 'audio', 'webm'],
    ['IMAGE/PNG', 'image', 'png'],
  ])('%s is sent to Converse as %s of the format %s', (mime, kind, format) => {
    const { text, losses } = renderPart('bedrock-converse', media(mime))
    expect(text).toContain(`{"${kind}":{"format":"${format}","source":{"bytes":"AAAA"}`)
    expect(losses).toEqual([])
  })
  test.each(['image/tiff', 'application/zip', 'video/ogg', 'audio/midi'])('%s is no type that Converse takes', mime => {
    const { text, losses } = renderPart('bedrock-converse', media(mime))
    expect(text).not.toContain('AAAA')
    expect(losses.length).toBe(1)
  })

  // The signatures of mimesniff.spec.whatwg.org 6.1 in base64, and `RIFF`, which starts a WebP file.
  const png = 'iVBORw0KGgoAAAAN'
  const jpeg = '/9j/4AAQSkZJRgAB'
  const gif = 'R0lGODlhAQABAIAA'
  const webp = 'UklGRiQAAABXRUJQ'
  const pdf = 'JVBERi0xLjcKJeLj'
  test.each([
    ['image/*', png, 'png'],
    ['image/*', jpeg, 'jpeg'],
    ['image/*', gif, 'gif'],
    ['image/*', webp, 'webp'],
    ['*/*', pdf, 'pdf'],
  ])('%s that begins with %s is sent to Converse as %s', (mime, data, format) =>
    expect(renderPart('bedrock-converse', media(mime, data)).text).toContain(`"format":"${format}"`),
  )
  test.each([
    ['image/*', png, 'image/png'],
    ['image/*', jpeg, 'image/jpeg'],
    ['image/*', gif, 'image/gif'],
    ['image/*', webp, 'image/webp'],
    ['image/*', 'AAAA', 'image/png'],
    ['image/*', pdf, 'image/png'],
    ['audio/*', 'SUQzBAAA', 'audio/mp3'],
    ['audio/*', 'AAAA', 'audio/wav'],
    ['video/*', 'AAAA', 'video/mp4'],
    ['*/*', pdf, 'application/pdf'],
    ['*/*', png, 'image/png'],
    ['*/*', 'AAAA', 'application/pdf'],
    ['image/jpeg', png, 'image/jpeg'],
  ])('%s that begins with %s is sent to Gemini as %s', (mime, data, type) =>
    expect(renderPart('gemini', media(mime, data)).text).toContain(`"mimeType":"${type}"`),
  )
  test.each([
    ['notes.txt', 'text/plain'],
    ['notes.MD', 'text/plain'],
    ['notes.csv', 'text/plain'],
    ['notes.pdf', 'application/pdf'],
    ['notes', 'application/pdf'],
  ])('a file named %s is sent to Gemini as %s', (name, type) =>
    expect(renderPart('gemini', { ...media('*/*'), name }).text).toContain(`"mimeType":"${type}"`),
  )
  test.each([
    ['image/*', png, 'image/png'],
    ['image/*', jpeg, 'image/jpeg'],
    ['image/jpg', jpeg, 'image/jpeg'],
    ['image/*', gif, 'image/gif'],
    ['image/*', webp, 'image/webp'],
    ['image/*', 'AAAA', 'image/png'],
    ['image/webp', png, 'image/webp'],
    ['application/pdf', pdf, 'application/pdf'],
    ['*/*', pdf, 'application/pdf'],
    ['text/csv', 'YQ==', 'text/plain'],
    ['application/json', 'e30=', 'text/plain'],
    ['application/xml', 'PGEvPg==', 'text/plain'],
  ])('%s that begins with %s is sent to Anthropic as %s', (mime, data, type) =>
    expect(renderPart('anthropic', media(mime, data)).text).toContain(`"media_type":"${type}"`),
  )
  test.each(['audio/wav', 'video/mp4', 'application/zip', '*/*'])('%s is no type that Anthropic takes', mime => {
    const { text, losses } = renderPart('anthropic', media(mime))
    expect(text).not.toContain('AAAA')
    expect(losses.length).toBe(1)
  })
  test.each([
    ['audio/mpeg', 'mp3'],
    ['audio/wav', 'wav'],
    ['audio/x-wav', 'wav'],
    ['audio/flac', 'flac'],
  ])('%s is sent to Chat Completions as %s', (mime, format) =>
    expect(renderPart('openai-chat', media(mime)).text).toContain(`"format":"${format}"`),
  )
})

describe('Chat Completions: an `input_audio`', () => {
  const partsOf = (part: JsonObject): Part[] =>
    parse('openai-chat', { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, part] }] }).chat.turns[0]!
      .parts
  test.each([
    [{ data: 'AAAA', format: 'mp3' }, 'audio/mpeg'],
    [{ data: 'AAAA', format: 'wav' }, 'audio/wav'],
    [{ data: 'AAAA' }, 'audio/*'],
    [{ data: 'AAAA', format: 7 }, 'audio/*'],
    [{ data: 'data:audio/ogg;base64,AAAA', format: 'mp3' }, 'audio/ogg'],
    [{ data: 'data:;base64,AAAA' }, 'audio/*'],
    ['AAAA', 'audio/*'],
    ['data:audio/flac;base64,AAAA', 'audio/flac'],
  ])('of %j is %s', (input_audio, mime) =>
    expect(partsOf({ type: 'input_audio', input_audio })[1]).toEqual({ type: 'media', mime, source: { data: 'AAAA' } }),
  )
  test('of an address is fetched from there', () =>
    expect(partsOf({ type: 'input_audio', input_audio: 'https://h/a' })[1]).toMatchObject({
      mime: 'audio/*',
      source: { url: 'https://h/a' },
    }))
  test.each([[{ format: 'mp3' }], [{ data: 7 }], [null], [7]])(
    'of %j is one that only this protocol knows',
    input_audio => expect(partsOf({ type: 'input_audio', input_audio })[1]).toMatchObject({ type: 'foreign' }),
  )
  test('that has no `type` is refused, with the path of what is missing', () => {
    const content = [{ type: 'text', text: 'x' }, { input_audio: { data: 'AAAA', format: 'mp3' } }]
    const body = { model: 'm', messages: [{ role: 'user', content }] }
    expect(() => protocols.get('openai-chat')!.checkRequest(body)).toThrow(
      'messages[0].content[1].type is missing: it must be a string',
    )
  })
})
