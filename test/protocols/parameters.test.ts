/** Every parameter of a request as each client names it and as each vendor is told. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import type { Chat } from '../../src/ir/chat.ts'
import { egressOf, protocols } from '../../src/protocols/registry.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const clients: Record<string, (fields: JsonObject) => JsonObject> = {
  'openai-chat': fields => ({ model: 'm', messages: [{ role: 'user', content: 'words' }], ...fields }),
  'openai-responses': fields => ({ model: 'm', input: 'words', ...fields }),
  anthropic: fields => ({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'words' }], ...fields }),
  gemini: fields => ({ contents: [{ parts: [{ text: 'words' }] }], generationConfig: fields }),
}
const parse = (protocol: string, fields: JsonObject): Chat =>
  protocols.get(protocol)!.parseRequest(clients[protocol]!(fields), () => undefined)

describe('a parameter of a client', () => {
  test.each([
    ['openai-chat', { temperature: 0.5 }, { temperature: 0.5 }],
    ['openai-chat', { top_p: 0.5 }, { topP: 0.5 }],
    ['openai-chat', { top_k: 5 }, { topK: 5 }],
    ['openai-chat', { seed: 5 }, { seed: 5 }],
    ['openai-chat', { max_tokens: 5 }, { limit: 5 }],
    ['openai-chat', { max_completion_tokens: 5, max_tokens: 9 }, { limit: 5 }],
    ['openai-chat', { stop: 'x' }, { stop: ['x'] }],
    ['openai-chat', { stop: ['x', 'y'] }, { stop: ['x', 'y'] }],
    ['openai-chat', { user: 'ann' }, { user: 'ann' }],
    ['openai-chat', { parallel_tool_calls: false }, { parallel: false }],
    ['openai-chat', { reasoning_effort: 'low' }, { reasoning: { effort: 'low' } }],
    ['openai-chat', { response_format: { type: 'json_object' } }, { format: {} }],
    ['openai-chat', { stream: true }, { stream: true }],
    ['openai-responses', { temperature: 0.5 }, { temperature: 0.5 }],
    ['openai-responses', { top_p: 0.5 }, { topP: 0.5 }],
    ['openai-responses', { max_output_tokens: 5 }, { limit: 5 }],
    ['openai-responses', { user: 'ann' }, { user: 'ann' }],
    ['openai-responses', { parallel_tool_calls: true }, { parallel: true }],
    ['openai-responses', { stream: true }, { stream: true }],
    ['openai-responses', { reasoning: { effort: 'high' } }, { reasoning: { effort: 'high' } }],
    ['anthropic', { temperature: 0.5 }, { temperature: 0.5 }],
    ['anthropic', { top_p: 0.5 }, { topP: 0.5 }],
    ['anthropic', { top_k: 5 }, { topK: 5 }],
    ['anthropic', { max_tokens: 5 }, { limit: 5 }],
    ['anthropic', { stop_sequences: ['x'] }, { stop: ['x'] }],
    ['anthropic', { metadata: { user_id: 'ann' } }, { user: 'ann' }],
    ['anthropic', { stream: true }, { stream: true }],
    ['anthropic', { thinking: { type: 'enabled', budget_tokens: 2000 } }, { reasoning: { budget: 2000, shown: true } }],
    ['anthropic', { thinking: { type: 'adaptive' } }, { reasoning: { on: true, shown: true } }],
    ['anthropic', { thinking: { type: 'adaptive', display: 'omitted' } }, { reasoning: { on: true, shown: false } }],
    ['anthropic', { thinking: { type: 'disabled' } }, { reasoning: { effort: 'none' } }],
    ['anthropic', { thinking: { type: 'between_tools' } }, { reasoning: { effort: 'none' } }],
    ['gemini', { temperature: 0.5 }, { temperature: 0.5 }],
    ['gemini', { topP: 0.5 }, { topP: 0.5 }],
    ['gemini', { top_p: 0.5 }, { topP: 0.5 }],
    ['gemini', { topK: 5 }, { topK: 5 }],
    ['gemini', { seed: 5 }, { seed: 5 }],
    ['gemini', { maxOutputTokens: 5 }, { limit: 5 }],
    ['gemini', { stopSequences: ['x'] }, { stop: ['x'] }],
    ['gemini', { responseMimeType: 'application/json' }, { format: {} }],
  ] as const)('%s, %j, is %j', (protocol, fields, expected) =>
    expect(parse(protocol, fields as unknown as JsonObject)).toMatchObject(expected as unknown as JsonObject),
  )

  test.each([
    ['openai-chat', { temperature: null, top_p: null, seed: null, stop: null, user: null, max_tokens: null }],
    ['openai-responses', { temperature: null, top_p: null, max_output_tokens: null, user: null }],
    ['anthropic', { temperature: null, top_p: null, top_k: null }],
    ['gemini', { temperature: null, topP: null, topK: null, seed: null, maxOutputTokens: null }],
  ] as const)('%s, that is null is absent', (protocol, fields) => {
    const { temperature, topP, topK, seed, stop, user } = parse(protocol, fields)
    expect([temperature, topP, topK, seed, stop, user]).toEqual(Array(6).fill(undefined))
  })

  test.each(['background', 'conversation', 'prompt'])(
    'of Responses, %s, is refused: only one vendor knows it',
    param => {
      for (const value of [true, 'id', { id: 'x' }])
        expect(() => parse('openai-responses', { [param]: value })).toThrow(`${param} is known only to a vendor`)
      for (const value of [null, false]) expect(() => parse('openai-responses', { [param]: value })).not.toThrow()
    },
  )
})

describe('a parameter for a vendor', () => {
  const rendered = (protocol: string, chat: Partial<Chat>) => {
    const losses: string[] = []
    const body = egressOf(protocol)!.renderRequest(
      { model: 'm', stream: false, turns: [{ role: 'user', parts: [{ type: 'text', text: 'words' }] }], ...chat },
      exchangeFor({ loss: path => losses.push(path) }),
    )
    return { body, losses }
  }
  test.each([
    ['openai-chat', { temperature: 0.5 }, { temperature: 0.5 }],
    ['openai-chat', { topP: 0.5 }, { top_p: 0.5 }],
    ['openai-chat', { topK: 5 }, { top_k: 5 }],
    ['openai-chat', { seed: 5 }, { seed: 5 }],
    ['openai-chat', { limit: 5 }, { max_tokens: 5 }],
    ['openai-chat', { stop: ['x'] }, { stop: ['x'] }],
    ['openai-chat', { user: 'ann' }, { user: 'ann' }],
    ['openai-responses', { temperature: 0.5 }, { temperature: 0.5 }],
    ['openai-responses', { topP: 0.5 }, { top_p: 0.5 }],
    ['openai-responses', { limit: 500 }, { max_output_tokens: 500 }],
    ['openai-responses', { user: 'ann' }, { user: 'ann' }],
    ['anthropic', { temperature: 0.5 }, { temperature: 0.5 }],
    ['anthropic', { topP: 0.5 }, { top_p: 0.5 }],
    ['anthropic', { topK: 5 }, { top_k: 5 }],
    ['anthropic', { limit: 5 }, { max_tokens: 5 }],
    ['anthropic', { stop: ['x'] }, { stop_sequences: ['x'] }],
    ['anthropic', { user: 'ann' }, { metadata: { user_id: 'ann' } }],
    ['gemini', { temperature: 0.5 }, { generationConfig: { temperature: 0.5 } }],
    ['gemini', { topP: 0.5 }, { generationConfig: { topP: 0.5 } }],
    ['gemini', { topK: 5 }, { generationConfig: { topK: 5 } }],
    ['gemini', { seed: 5 }, { generationConfig: { seed: 5 } }],
    ['gemini', { limit: 5 }, { generationConfig: { maxOutputTokens: 5 } }],
    ['gemini', { stop: ['x'] }, { generationConfig: { stopSequences: ['x'] } }],
    ['bedrock-converse', { temperature: 0.5 }, { inferenceConfig: { temperature: 0.5 } }],
    ['bedrock-converse', { topP: 0.5 }, { inferenceConfig: { topP: 0.5 } }],
    ['bedrock-converse', { limit: 5 }, { inferenceConfig: { maxTokens: 5 } }],
    ['bedrock-converse', { stop: ['x'] }, { inferenceConfig: { stopSequences: ['x'] } }],
  ] as const)('%s, %j, is %j', (protocol, chat, expected) => {
    const { body, losses } = rendered(protocol, chat as unknown as Partial<Chat>)
    expect(body).toMatchObject(expected as unknown as JsonObject)
    expect(losses).toEqual([])
  })

  test.each([
    ['openai-responses', { topK: 5 }],
    ['openai-responses', { seed: 5 }],
    ['openai-responses', { stop: ['x'] }],
    ['anthropic', { seed: 5 }],
    ['bedrock-converse', { seed: 5 }],
  ] as const)('%s, %j, has no name there: it is a loss', (protocol, chat) =>
    expect(rendered(protocol, chat as unknown as Partial<Chat>).losses.length).toBe(1),
  )
})

describe('a parameter that the neutral form has no place for', () => {
  const translated = (from: string, to: string, fields: JsonObject) => {
    const losses: string[] = []
    const body = egressOf(to)!.renderRequest(parse(from, fields), exchangeFor({ loss: path => losses.push(path) }))
    return { body, losses }
  }

  test.each([
    ['openai-chat', 'gemini', { presence_penalty: 0.5 }, { generationConfig: { presencePenalty: 0.5 } }],
    ['openai-chat', 'gemini', { frequency_penalty: 0.5 }, { generationConfig: { frequencyPenalty: 0.5 } }],
    ['openai-chat', 'gemini', { logprobs: true }, { generationConfig: { responseLogprobs: true } }],
    ['openai-chat', 'gemini', { top_logprobs: 3 }, { generationConfig: { logprobs: 3 } }],
    ['openai-chat', 'gemini', { max_completion_tokens: 5 }, { generationConfig: { maxOutputTokens: 5 } }],
    ['openai-chat', 'openai-responses', { metadata: { a: 'b' } }, { metadata: { a: 'b' } }],
    ['openai-chat', 'openai-responses', { service_tier: 'flex' }, { service_tier: 'flex' }],
    ['openai-chat', 'openai-responses', { safety_identifier: 's' }, { safety_identifier: 's' }],
    ['openai-chat', 'openai-responses', { prompt_cache_key: 'k' }, { prompt_cache_key: 'k' }],
    ['openai-chat', 'openai-responses', { prompt_cache_retention: '24h' }, { prompt_cache_retention: '24h' }],
    ['openai-chat', 'openai-responses', { top_logprobs: 3 }, { top_logprobs: 3 }],
    ['openai-chat', 'openai-responses', { verbosity: 'low' }, { text: { verbosity: 'low' } }],
    ['openai-chat', 'openai-responses', { max_completion_tokens: 500 }, { max_output_tokens: 500 }],
    ['gemini', 'openai-chat', { presencePenalty: 0.5 }, { presence_penalty: 0.5 }],
    ['gemini', 'openai-chat', { frequencyPenalty: 0.5 }, { frequency_penalty: 0.5 }],
    ['gemini', 'openai-chat', { responseLogprobs: true }, { logprobs: true }],
    ['gemini', 'openai-chat', { logprobs: 3 }, { top_logprobs: 3 }],
  ] as const)('is carried from %s to %s, which knows it too: %j, %j', (from, to, fields, expected) => {
    const { body, losses } = translated(from, to, fields as unknown as JsonObject)
    expect(body).toMatchObject(expected as unknown as JsonObject)
    expect(losses).toEqual([])
  })

  test.each([
    ['openai-chat', 'gemini', { logit_bias: { 1: 2 } }],
    ['openai-chat', 'gemini', { metadata: { a: 'b' } }],
    ['openai-chat', 'gemini', { constructor: 1 }],
    ['openai-chat', 'openai-responses', { presence_penalty: 0.5 }],
    ['openai-chat', 'openai-responses', { logit_bias: { 1: 2 } }],
    ['openai-chat', 'anthropic', { presence_penalty: 0.5 }],
    ['openai-chat', 'bedrock-converse', { presence_penalty: 0.5 }],
    ['gemini', 'openai-chat', { speechConfig: {} }],
    ['gemini', 'anthropic', { presencePenalty: 0.5 }],
    ['anthropic', 'openai-chat', { service_tier: 'auto' }],
    ['openai-responses', 'openai-chat', { max_tool_calls: 3 }],
  ] as const)('is a loss from %s to %s, which does not: %j', (from, to, fields) => {
    const { losses } = translated(from, to, fields as unknown as JsonObject)
    expect(losses.length).toBe(1)
    expect(losses[0]).toContain(Object.keys(fields)[0]!)
  })

  test('is kept where client and vendor have the same protocol', () => {
    for (const [protocol, fields] of [
      ['openai-chat', { logit_bias: { 1: 2 }, presence_penalty: 0.5, max_completion_tokens: 5 }],
      ['openai-responses', { max_tool_calls: 3, service_tier: 'flex' }],
      ['anthropic', { service_tier: 'auto', container: 'c' }],
    ] as const) {
      const { body, losses } = translated(protocol, protocol, fields)
      expect(body).toMatchObject(fields)
      expect(losses).toEqual([])
    }
    expect(translated('gemini', 'gemini', { speechConfig: { a: 1 } }).body).toMatchObject({
      generationConfig: { speechConfig: { a: 1 } },
    })
  })

  test.each(['gemini', 'anthropic', 'openai-responses', 'bedrock-converse'])(
    'such as `n`, is a loss to %s if more than one answer is asked for',
    to => {
      expect(translated('openai-chat', to, { n: 2 }).losses).toEqual(['n'])
      expect(translated('openai-chat', to, { n: 1 }).losses).toEqual([])
    },
  )
})
