/** Messages as Anthropic says it. https://docs.claude.com/en/docs/build-with-claude/streaming */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Answer, type Said, type Step, steps, type Vendor, valuesUnder } from '../answer.ts'

const head = { id: 'msg_vendor', type: 'message', role: 'assistant', model: 'vendor-model' }

const finishes: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'refusal',
  pause: 'pause_turn',
  other: 'model_context_window_exceeded',
}

const reasonOf = ({ finish, stop }: Answer) => (stop === undefined ? finishes[finish] : 'stop_sequence')

/** `input_tokens` counts neither what was read from the cache nor what was written to it. */
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

const citation = (cited: { url: string; title: string; quote: string }): JsonObject => ({
  type: 'web_search_result_location',
  url: cited.url,
  title: cited.title,
  encrypted_index: 'RW5jcnlwdGVk',
  cited_text: cited.quote,
})

const block = (said: Said): JsonObject => {
  switch (said.type) {
    case 'thought':
      return { type: 'thinking', thinking: said.text, signature: said.sealed ?? '' }
    case 'redacted':
      return { type: 'redacted_thinking', data: said.sealed }
    case 'call':
      return { type: 'tool_use', id: said.id, name: said.name, input: parseJson(said.args) ?? {} }
    case 'text':
      return { type: 'text', text: said.text, ...(said.cited && { citations: [citation(said.cited)] }) }
    case 'refusal':
      return { type: 'text', text: said.text }
  }
}

const whole = (answer: Answer): JsonObject => ({
  ...head,
  content: answer.said.map(block),
  stop_reason: reasonOf(answer),
  stop_sequence: answer.stop ?? null,
  usage: usageOf(answer.usage ?? { input: 3, output: 5 }),
})

const empty = (said: Said): JsonObject => {
  const full = block(said)
  if (said.type === 'thought') return { ...full, thinking: '', signature: '' }
  if (said.type === 'call') return { ...full, input: {} }
  return said.type === 'redacted'
    ? full
    : { type: 'text', text: '', ...(full.citations !== undefined && { citations: [] }) }
}

const delta = (said: Said, text: string): JsonObject => {
  if (said.type === 'thought') return { type: 'thinking_delta', thinking: text }
  return said.type === 'call' ? { type: 'input_json_delta', partial_json: text } : { type: 'text_delta', text }
}

const frame = (type: string, fields: JsonObject): Frame => ({ event: type, data: JSON.stringify({ type, ...fields }) })

const told = (step: Step): Frame[] => {
  const { at: index, said } = step
  if (step.does === 'open') return [frame('content_block_start', { index, content_block: empty(said) })]
  if (step.does === 'piece') return [frame('content_block_delta', { index, delta: delta(said, step.text) })]
  const last: Frame[] = []
  const add = (delta: JsonObject) => last.push(frame('content_block_delta', { index, delta }))
  if (said.type === 'thought' && said.sealed !== undefined) add({ type: 'signature_delta', signature: said.sealed })
  if (said.type === 'text' && said.cited) add({ type: 'citations_delta', citation: citation(said.cited) })
  return [...last, frame('content_block_stop', { index })]
}

const frames = (answer: Answer): Frame[] => {
  const usage = usageOf(answer.usage ?? { input: 3, output: 5 })
  const message = {
    ...head,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  }
  const { cache_creation: _parts, ...counts } = usage
  return [
    frame('message_start', { message }),
    frame('ping', {}),
    // Its blocks come one after another.
    ...steps({ ...answer, interleaved: false }).flatMap(told),
    frame('message_delta', {
      delta: { stop_reason: reasonOf(answer), stop_sequence: answer.stop ?? null },
      usage: counts,
    }),
    frame('message_stop', {}),
  ]
}

export const anthropic: Vendor = {
  id: 'anthropic',
  model: 'claude-sonnet-4-5',
  whole,
  frames,
  limited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: {
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Too many requests.' },
      request_id: 'req_vendor',
    },
  },
  broken: frame('error', { error: { type: 'overloaded_error', message: 'Overloaded.' } }),
  sealsOf: ({ said }) =>
    said.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.sealed ? [one.sealed] : [])),
  sealsIn: request =>
    valuesUnder(request.messages, 'content')
      .flat()
      .flatMap(one => {
        const { type, signature, data } = one as JsonObject
        return type === 'thinking' ? [String(signature)] : type === 'redacted_thinking' ? [String(data)] : []
      }),
}
