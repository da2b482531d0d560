/** Messages as Anthropic sends it. https://docs.claude.com/en/docs/build-with-claude/streaming */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import {
  type AnswerPart,
  type ScriptedAnswer,
  type StreamStep,
  streamSteps,
  type Vendor,
  valuesUnder,
} from '../scripted-vendor.ts'

const envelope = { id: 'msg_vendor', type: 'message', role: 'assistant', model: 'vendor-model' }

const stopReasons: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'refusal',
  pause: 'pause_turn',
  other: 'model_context_window_exceeded',
}

const stopReasonOf = ({ finish, stop }: ScriptedAnswer) => (stop === undefined ? stopReasons[finish] : 'stop_sequence')

/** `input_tokens` excludes tokens read from the cache and tokens written to it. */
const usageOf = ({ input, output, cacheRead = 0, cacheWrite = 0, cacheWrite1h = 0 }: Usage): JsonObject => ({
  input_tokens: input - cacheRead - cacheWrite,
  cache_creation_input_tokens: cacheWrite,
  cache_read_input_tokens: cacheRead,
  cache_creation: {
    ephemeral_5m_input_tokens: cacheWrite - cacheWrite1h,
    ephemeral_1h_input_tokens: cacheWrite1h,
  },
  output_tokens: output,
})

const renderCitation = (citation: { url: string; title: string; quote: string }): JsonObject => ({
  type: 'web_search_result_location',
  url: citation.url,
  title: citation.title,
  encrypted_index: 'RW5jcnlwdGVk',
  cited_text: citation.quote,
})

const contentBlock = (part: AnswerPart): JsonObject => {
  switch (part.type) {
    case 'thought':
      return { type: 'thinking', thinking: part.text, signature: part.seal ?? '' }
    case 'redacted':
      return { type: 'redacted_thinking', data: part.seal }
    case 'call':
      return { type: 'tool_use', id: part.id, name: part.name, input: parseJson(part.args) ?? {} }
    case 'text':
      return { type: 'text', text: part.text, ...(part.citation && { citations: [renderCitation(part.citation)] }) }
    case 'refusal':
      return { type: 'text', text: part.text }
  }
}

const renderMessage = (answer: ScriptedAnswer): JsonObject => ({
  ...envelope,
  content: answer.parts.map(contentBlock),
  stop_reason: stopReasonOf(answer),
  stop_sequence: answer.stop ?? null,
  usage: usageOf(answer.usage ?? { input: 3, output: 5 }),
})

const emptyBlock = (part: AnswerPart): JsonObject => {
  const full = contentBlock(part)
  if (part.type === 'thought') return { ...full, thinking: '', signature: '' }
  if (part.type === 'call') return { ...full, input: {} }
  return part.type === 'redacted'
    ? full
    : { type: 'text', text: '', ...(full.citations !== undefined && { citations: [] }) }
}

const delta = (part: AnswerPart, text: string): JsonObject => {
  if (part.type === 'thought') return { type: 'thinking_delta', thinking: text }
  return part.type === 'call' ? { type: 'input_json_delta', partial_json: text } : { type: 'text_delta', text }
}

const frame = (type: string, fields: JsonObject): Frame => ({ event: type, data: JSON.stringify({ type, ...fields }) })

const eventsOf = (step: StreamStep): Frame[] => {
  const { at: index, part } = step
  if (step.phase === 'open') return [frame('content_block_start', { index, content_block: emptyBlock(part) })]
  if (step.phase === 'piece') return [frame('content_block_delta', { index, delta: delta(part, step.text) })]
  const last: Frame[] = []
  const add = (delta: JsonObject) => last.push(frame('content_block_delta', { index, delta }))
  if (part.type === 'thought' && part.seal !== undefined) add({ type: 'signature_delta', signature: part.seal })
  if (part.type === 'text' && part.citation) add({ type: 'citations_delta', citation: renderCitation(part.citation) })
  return [...last, frame('content_block_stop', { index })]
}

const renderStream = (answer: ScriptedAnswer): Frame[] => {
  const usage = usageOf(answer.usage ?? { input: 3, output: 5 })
  const message = {
    ...envelope,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  }
  const { cache_creation: _parts, ...counts } = usage
  return [
    frame('message_start', { message }),
    frame('ping', {}),
    // Anthropic sends content blocks one after another.
    ...streamSteps({ ...answer, interleaved: false }).flatMap(eventsOf),
    frame('message_delta', {
      delta: { stop_reason: stopReasonOf(answer), stop_sequence: answer.stop ?? null },
      usage: counts,
    }),
    frame('message_stop', {}),
  ]
}

export const anthropic: Vendor = {
  id: 'anthropic',
  model: 'claude-sonnet-4-5',
  renderMessage,
  renderStream,
  rateLimited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: {
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Too many requests.' },
      request_id: 'req_vendor',
    },
  },
  overloadedFrame: frame('error', { error: { type: 'overloaded_error', message: 'Overloaded.' } }),
  sealsOf: ({ parts }) =>
    parts.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.seal ? [one.seal] : [])),
  sealsIn: request =>
    valuesUnder(request.messages, 'content')
      .flat()
      .flatMap(one => {
        const { type, signature, data } = one as JsonObject
        return type === 'thinking' ? [String(signature)] : type === 'redacted_thinking' ? [String(data)] : []
      }),
}
