/** Chat Completions as a vendor sends it. https://platform.openai.com/docs/api-reference/chat/streaming */

import type { JsonObject } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import {
  type AnswerPart,
  type ScriptedAnswer,
  type StreamStep,
  streamSteps,
  stringsUnder,
  type Vendor,
} from '../scripted-vendor.ts'

const envelope = { id: 'chatcmpl-vendor', created: 1_770_000_000, model: 'vendor-model' }

const finishReasons: Record<FinishReason, string> = {
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

/** Google's OpenAI-compatible endpoint keeps signatures there: https://ai.google.dev/gemini-api/docs/openai */
const sealFields = (part: AnswerPart): JsonObject =>
  part.type === 'call' && part.seal !== undefined ? { extra_content: { google: { thought_signature: part.seal } } } : {}

const urlCitation = ({ url, title }: { url: string; title: string }, text: string): JsonObject => ({
  type: 'url_citation',
  url_citation: { start_index: 0, end_index: text.length, title, url },
})

/** OpenRouter's form of encrypted reasoning. */
const encryptedReasoning = (data: string): JsonObject => ({ type: 'reasoning.encrypted', data, index: 0 })

const renderMessage = ({ parts, finish, usage }: ScriptedAnswer): JsonObject => {
  const texts = (type: AnswerPart['type']) =>
    parts.flatMap(one => (one.type === type && 'text' in one ? [one.text] : []))
  const calls = parts.filter(one => one.type === 'call')
  const annotations = parts.flatMap(one =>
    one.type === 'text' && one.citation ? [urlCitation(one.citation, one.text)] : [],
  )
  const reasoningDetails = parts.flatMap(one => (one.type === 'redacted' ? [encryptedReasoning(one.seal)] : []))
  const message = {
    role: 'assistant',
    content: texts('text').length > 0 ? texts('text').join('') : null,
    refusal: texts('refusal')[0] ?? null,
    ...(texts('thought').length > 0 && { reasoning_content: texts('thought').join('') }),
    ...(reasoningDetails.length > 0 && { reasoning_details: reasoningDetails }),
    ...(annotations.length > 0 && { annotations }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(call => ({
        id: call.id,
        ...(call.customInput === undefined
          ? { type: 'function', function: { name: call.name, arguments: call.args } }
          : { type: 'custom', custom: { name: call.name, input: call.customInput } }),
        ...sealFields(call),
      })),
    }),
  }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReasons[finish] }]
  return { ...envelope, object: 'chat.completion', choices, ...(usage && { usage: usageOf(usage) }) }
}

const renderStream = (answer: ScriptedAnswer): Frame[] => {
  const calls = answer.parts.filter(one => one.type === 'call')
  const chunkEnvelope = { ...envelope, object: 'chat.completion.chunk' }
  const chunk = (delta: JsonObject, finish: string | null = null): Frame => ({
    data: JSON.stringify({ ...chunkEnvelope, choices: [{ index: 0, delta, finish_reason: finish }] }),
  })
  const delta = (step: StreamStep): JsonObject | undefined => {
    const { part } = step
    if (part.type === 'call') {
      const index = calls.indexOf(part)
      const isCustom = part.customInput !== undefined
      const [type, inputField] = isCustom ? ['custom', 'input'] : ['function', 'arguments']
      if (step.phase === 'piece') return { tool_calls: [{ index, [type!]: { [inputField!]: step.text } }] }
      if (step.phase === 'close') return undefined
      const body = { name: part.name, [inputField!]: '' }
      return { tool_calls: [{ index, id: part.id, type: type!, [type!]: body, ...sealFields(part) }] }
    }
    if (part.type === 'redacted')
      return step.phase === 'open' ? { reasoning_details: [encryptedReasoning(part.seal)] } : undefined
    if (step.phase === 'close' && part.type === 'text' && part.citation)
      return { annotations: [urlCitation(part.citation, part.text)] }
    if (step.phase !== 'piece') return undefined
    return { [{ text: 'content', thought: 'reasoning_content', refusal: 'refusal' }[part.type]]: step.text }
  }
  const deltas = streamSteps(answer, true).map(delta)
  return [
    chunk({ role: 'assistant', content: '' }),
    ...deltas.filter(one => one !== undefined).map(one => chunk(one)),
    chunk({}, finishReasons[answer.finish]),
    ...(answer.usage
      ? [{ data: JSON.stringify({ ...chunkEnvelope, choices: [], usage: usageOf(answer.usage) }) }]
      : []),
    { data: '[DONE]' },
  ]
}

export const openaiChat: Vendor = {
  id: 'openai-chat',
  model: 'gpt-5',
  renderMessage,
  renderStream,
  rateLimited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: { error: { message: 'Too many requests.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  },
  overloadedFrame: {
    data: JSON.stringify({ error: { message: 'Overloaded.', type: 'server_error', param: null, code: null } }),
  },
  sealsOf: ({ parts }) => parts.flatMap(one => (one.type === 'call' && one.seal !== undefined ? [one.seal] : [])),
  sealsIn: request => stringsUnder(request.messages, 'thought_signature'),
}
