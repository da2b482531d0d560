/** Responses as OpenAI sends it. https://platform.openai.com/docs/api-reference/responses-streaming */

import { isObject, type JsonObject } from '../../../src/base/json/json.ts'
import type { Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type AnswerPart, type ScriptedAnswer, type StreamStep, streamSteps, type Vendor } from '../scripted-vendor.ts'

const usageOf = ({ input, output, cacheRead = 0, reasoning = 0 }: Usage): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})

const contentOf = (part: AnswerPart): JsonObject => {
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.text }
  const { text = '', citation } = part.type === 'text' ? part : {}
  const annotation = citation && {
    type: 'url_citation',
    start_index: 0,
    end_index: text.length,
    ...citation,
    quote: undefined,
  }
  return { type: 'output_text', text, annotations: annotation ? [annotation] : [], logprobs: [] }
}

const renderItem = (part: AnswerPart, at: number): JsonObject => {
  switch (part.type) {
    case 'thought': {
      const seal = part.seal === undefined ? {} : { encrypted_content: part.seal }
      return { id: `rs_${at}`, type: 'reasoning', summary: [{ type: 'summary_text', text: part.text }], ...seal }
    }
    case 'redacted':
      return { id: `rs_${at}`, type: 'reasoning', summary: [], encrypted_content: part.seal }
    case 'call':
      if (part.customInput !== undefined)
        return {
          id: `ctc_${at}`,
          type: 'custom_tool_call',
          status: 'completed',
          call_id: part.id,
          name: part.name,
          input: part.customInput,
        }
      return {
        id: `fc_${at}`,
        type: 'function_call',
        status: 'completed',
        arguments: part.args,
        call_id: part.id,
        name: part.name,
      }
    default:
      return {
        id: `msg_${at}`,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [contentOf(part)],
      }
  }
}

const renderResponse = (answer: ScriptedAnswer, status: string): JsonObject => ({
  id: 'resp_vendor',
  object: 'response',
  created_at: 1_770_000_000,
  status,
  background: false,
  error: null,
  incomplete_details: status === 'incomplete' ? { reason: incompleteReasonOf(answer) } : null,
  instructions: null,
  max_output_tokens: null,
  model: 'vendor-model',
  output: status === 'in_progress' ? [] : answer.parts.map(renderItem),
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  usage: status === 'in_progress' ? null : usageOf(answer.usage ?? { input: 3, output: 5 }),
  metadata: {},
})

const incompleteReasonOf = ({ finish }: ScriptedAnswer) =>
  finish === 'length' ? 'max_output_tokens' : 'content_filter'
const statusOf = ({ finish }: ScriptedAnswer) =>
  finish === 'length' || finish === 'filter' ? 'incomplete' : 'completed'

const startedItem = (part: AnswerPart, at: number): JsonObject => {
  const full = renderItem(part, at)
  if (part.type === 'call')
    return { ...full, status: 'in_progress', [part.customInput === undefined ? 'arguments' : 'input']: '' }
  if (part.type === 'thought' || part.type === 'redacted') return { ...full, summary: [] }
  return { ...full, status: 'in_progress', content: [] }
}

/** The type and fields of the events of one step. */
const eventsOf = (step: StreamStep): [string, JsonObject][] => {
  const { at, part } = step
  const itemPosition = { item_id: String(renderItem(part, at).id), output_index: at }
  if (part.type === 'redacted') return step.phase === 'piece' ? [] : [itemEvent(step)]
  if (part.type === 'call') {
    const isCustom = part.customInput !== undefined
    const name = isCustom ? 'response.custom_tool_call_input' : 'response.function_call_arguments'
    const full = isCustom ? { input: part.customInput! } : { arguments: part.args, name: part.name }
    if (step.phase === 'piece') return [[`${name}.delta`, { ...itemPosition, delta: step.text }]]
    return step.phase === 'open' ? [itemEvent(step)] : [[`${name}.done`, { ...itemPosition, ...full }], itemEvent(step)]
  }
  const isThought = part.type === 'thought'
  const partPosition = isThought ? { ...itemPosition, summary_index: 0 } : { ...itemPosition, content_index: 0 }
  const name = isThought ? 'reasoning_summary_text' : part.type === 'refusal' ? 'refusal' : 'output_text'
  const partEvent = isThought ? 'reasoning_summary_part' : 'content_part'
  if (step.phase === 'piece')
    return [
      [
        `response.${name}.delta`,
        { ...partPosition, delta: step.text, ...(name === 'output_text' && { logprobs: [] }) },
      ],
    ]
  const full = isThought ? { type: 'summary_text', text: part.text } : contentOf(part)
  const emptyPart =
    part.type === 'refusal'
      ? { type: 'refusal', refusal: '' }
      : { ...full, text: '', ...(!isThought && { annotations: [] }) }
  if (step.phase === 'open')
    return [itemEvent(step), [`response.${partEvent}.added`, { ...partPosition, part: emptyPart }]]
  const annotations = Array.isArray(full.annotations) ? full.annotations : []
  return [
    ...annotations.map((annotation, annotation_index): [string, JsonObject] => [
      'response.output_text.annotation.added',
      { ...partPosition, annotation_index, annotation },
    ]),
    [`response.${name}.done`, { ...partPosition, [part.type === 'refusal' ? 'refusal' : 'text']: part.text }],
    [`response.${partEvent}.done`, { ...partPosition, part: full }],
    itemEvent(step),
  ]
}

const itemEvent = ({ phase, at, part }: StreamStep): [string, JsonObject] =>
  phase === 'open'
    ? ['response.output_item.added', { output_index: at, item: startedItem(part, at) }]
    : ['response.output_item.done', { output_index: at, item: renderItem(part, at) }]

const renderStream = (answer: ScriptedAnswer): Frame[] => {
  const status = statusOf(answer)
  const events: [string, JsonObject][] = [
    ['response.created', { response: renderResponse(answer, 'in_progress') }],
    ['response.in_progress', { response: renderResponse(answer, 'in_progress') }],
    ...streamSteps(answer, true).flatMap(eventsOf),
    [`response.${status}`, { response: renderResponse(answer, status) }],
  ]
  return events.map(([type, fields], sequence_number) => ({
    event: type,
    data: JSON.stringify({ type, sequence_number, ...fields }),
  }))
}

export const openaiResponses: Vendor = {
  id: 'openai-responses',
  model: 'gpt-5',
  renderMessage: answer => renderResponse(answer, statusOf(answer)),
  renderStream,
  rateLimited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: { error: { message: 'Too many requests.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  },
  overloadedFrame: {
    event: 'error',
    data: JSON.stringify({
      type: 'error',
      sequence_number: 9,
      code: 'server_error',
      message: 'Overloaded.',
      param: null,
    }),
  },
  sealsOf: ({ parts }) =>
    parts.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.seal ? [one.seal] : [])),
  sealsIn: request =>
    (Array.isArray(request.input) ? request.input : []).flatMap(one =>
      isObject(one) && one.type === 'reasoning' ? [String(one.encrypted_content)] : [],
    ),
}
