/** Chat Completions as a vendor says it. https://platform.openai.com/docs/api-reference/chat/streaming */

import type { JsonObject } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Answer, type Said, type Step, steps, type Vendor, wordsUnder } from '../answer.ts'

const head = { id: 'chatcmpl-vendor', created: 1_770_000_000, model: 'vendor-model' }

const finishes: Record<FinishReason, string> = {
  stop: 'stop',
  length: 'length',
  calls: 'tool_calls',
  filter: 'content_filter',
  pause: 'stop',
  other: 'stop',
}

const usageOf = (usage: Usage): JsonObject => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
  ...(usage.cacheRead !== undefined && { prompt_tokens_details: { cached_tokens: usage.cacheRead } }),
  ...(usage.reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: usage.reasoning } }),
})

/** Google's compatible address keeps signatures there: https://ai.google.dev/gemini-api/docs/openai */
const sealOf = (said: Said): JsonObject =>
  said.type === 'call' && said.sealed !== undefined
    ? { extra_content: { google: { thought_signature: said.sealed } } }
    : {}

const cited = ({ url, title }: { url: string; title: string }, text: string): JsonObject => ({
  type: 'url_citation',
  url_citation: { start_index: 0, end_index: text.length, title, url },
})

/** OpenRouter's form of thoughts that only the model can read. */
const redacted = (data: string): JsonObject => ({ type: 'reasoning.encrypted', data, index: 0 })

const whole = ({ said, finish, usage }: Answer): JsonObject => {
  const texts = (type: Said['type']) => said.flatMap(one => (one.type === type && 'text' in one ? [one.text] : []))
  const calls = said.filter(one => one.type === 'call')
  const marks = said.flatMap(one => (one.type === 'text' && one.cited ? [cited(one.cited, one.text)] : []))
  const hidden = said.flatMap(one => (one.type === 'redacted' ? [redacted(one.sealed)] : []))
  const message = {
    role: 'assistant',
    content: texts('text').length > 0 ? texts('text').join('') : null,
    refusal: texts('refusal')[0] ?? null,
    ...(texts('thought').length > 0 && { reasoning_content: texts('thought').join('') }),
    ...(hidden.length > 0 && { reasoning_details: hidden }),
    ...(marks.length > 0 && { annotations: marks }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(call => ({
        id: call.id,
        ...(call.free === undefined
          ? { type: 'function', function: { name: call.name, arguments: call.args } }
          : { type: 'custom', custom: { name: call.name, input: call.free } }),
        ...sealOf(call),
      })),
    }),
  }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishes[finish] }]
  return { ...head, object: 'chat.completion', choices, ...(usage && { usage: usageOf(usage) }) }
}

const frames = (answer: Answer): Frame[] => {
  const order = answer.said.filter(one => one.type === 'call')
  const envelope = { ...head, object: 'chat.completion.chunk' }
  const chunk = (delta: JsonObject, finish: string | null = null): Frame => ({
    data: JSON.stringify({ ...envelope, choices: [{ index: 0, delta, finish_reason: finish }] }),
  })
  const delta = (step: Step): JsonObject | undefined => {
    const { said } = step
    if (said.type === 'call') {
      const index = order.indexOf(said)
      const custom = said.free !== undefined
      const [type, slot] = custom ? ['custom', 'input'] : ['function', 'arguments']
      if (step.does === 'piece') return { tool_calls: [{ index, [type!]: { [slot!]: step.text } }] }
      if (step.does === 'close') return undefined
      const body = { name: said.name, [slot!]: '' }
      return { tool_calls: [{ index, id: said.id, type: type!, [type!]: body, ...sealOf(said) }] }
    }
    if (said.type === 'redacted')
      return step.does === 'open' ? { reasoning_details: [redacted(said.sealed)] } : undefined
    if (step.does === 'close' && said.type === 'text' && said.cited)
      return { annotations: [cited(said.cited, said.text)] }
    if (step.does !== 'piece') return undefined
    return { [{ text: 'content', thought: 'reasoning_content', refusal: 'refusal' }[said.type]]: step.text }
  }
  const told = steps(answer, true).map(delta)
  return [
    chunk({ role: 'assistant', content: '' }),
    ...told.filter(one => one !== undefined).map(one => chunk(one)),
    chunk({}, finishes[answer.finish]),
    ...(answer.usage ? [{ data: JSON.stringify({ ...envelope, choices: [], usage: usageOf(answer.usage) }) }] : []),
    { data: '[DONE]' },
  ]
}

export const openaiChat: Vendor = {
  id: 'openai-chat',
  model: 'gpt-5',
  whole,
  frames,
  limited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: { error: { message: 'Too many requests.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  },
  broken: {
    data: JSON.stringify({ error: { message: 'Overloaded.', type: 'server_error', param: null, code: null } }),
  },
  sealsOf: ({ said }) => said.flatMap(one => (one.type === 'call' && one.sealed !== undefined ? [one.sealed] : [])),
  sealsIn: request => wordsUnder(request.messages, 'thought_signature'),
}
