/** Responses as OpenAI says it. https://platform.openai.com/docs/api-reference/responses-streaming */

import { isObject, type JsonObject } from '../../../src/base/json/json.ts'
import type { Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Answer, type Said, type Step, steps, type Vendor } from '../answer.ts'

const usageOf = ({ input, output, cacheRead = 0, reasoning = 0 }: Usage): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})

const contentOf = (said: Said): JsonObject => {
  if (said.type === 'refusal') return { type: 'refusal', refusal: said.text }
  const { text = '', cited } = said.type === 'text' ? said : {}
  const mark = cited && { type: 'url_citation', start_index: 0, end_index: text.length, ...cited, quote: undefined }
  return { type: 'output_text', text, annotations: mark ? [mark] : [], logprobs: [] }
}

const item = (said: Said, at: number): JsonObject => {
  switch (said.type) {
    case 'thought': {
      const seal = said.sealed === undefined ? {} : { encrypted_content: said.sealed }
      return { id: `rs_${at}`, type: 'reasoning', summary: [{ type: 'summary_text', text: said.text }], ...seal }
    }
    case 'redacted':
      return { id: `rs_${at}`, type: 'reasoning', summary: [], encrypted_content: said.sealed }
    case 'call':
      if (said.free !== undefined)
        return {
          id: `ctc_${at}`,
          type: 'custom_tool_call',
          status: 'completed',
          call_id: said.id,
          name: said.name,
          input: said.free,
        }
      return {
        id: `fc_${at}`,
        type: 'function_call',
        status: 'completed',
        arguments: said.args,
        call_id: said.id,
        name: said.name,
      }
    default:
      return {
        id: `msg_${at}`,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [contentOf(said)],
      }
  }
}

const response = (answer: Answer, status: string): JsonObject => ({
  id: 'resp_vendor',
  object: 'response',
  created_at: 1_770_000_000,
  status,
  background: false,
  error: null,
  incomplete_details: status === 'incomplete' ? { reason: reasonOf(answer) } : null,
  instructions: null,
  max_output_tokens: null,
  model: 'vendor-model',
  output: status === 'in_progress' ? [] : answer.said.map(item),
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

const reasonOf = ({ finish }: Answer) => (finish === 'length' ? 'max_output_tokens' : 'content_filter')
const statusOf = ({ finish }: Answer) => (finish === 'length' || finish === 'filter' ? 'incomplete' : 'completed')

const begun = (said: Said, at: number): JsonObject => {
  const whole = item(said, at)
  if (said.type === 'call')
    return { ...whole, status: 'in_progress', [said.free === undefined ? 'arguments' : 'input']: '' }
  if (said.type === 'thought' || said.type === 'redacted') return { ...whole, summary: [] }
  return { ...whole, status: 'in_progress', content: [] }
}

/** Type and fields of the events of one step. */
const told = (step: Step): [string, JsonObject][] => {
  const { at, said } = step
  const place = { item_id: String(item(said, at).id), output_index: at }
  if (said.type === 'redacted') return step.does === 'piece' ? [] : [bracket(step)]
  if (said.type === 'call') {
    const custom = said.free !== undefined
    const name = custom ? 'response.custom_tool_call_input' : 'response.function_call_arguments'
    const full = custom ? { input: said.free! } : { arguments: said.args, name: said.name }
    if (step.does === 'piece') return [[`${name}.delta`, { ...place, delta: step.text }]]
    return step.does === 'open' ? [bracket(step)] : [[`${name}.done`, { ...place, ...full }], bracket(step)]
  }
  const thought = said.type === 'thought'
  const slot = thought ? { ...place, summary_index: 0 } : { ...place, content_index: 0 }
  const name = thought ? 'reasoning_summary_text' : said.type === 'refusal' ? 'refusal' : 'output_text'
  const outer = thought ? 'reasoning_summary_part' : 'content_part'
  if (step.does === 'piece')
    return [[`response.${name}.delta`, { ...slot, delta: step.text, ...(name === 'output_text' && { logprobs: [] }) }]]
  const full = thought ? { type: 'summary_text', text: said.text } : contentOf(said)
  const bare =
    said.type === 'refusal'
      ? { type: 'refusal', refusal: '' }
      : { ...full, text: '', ...(!thought && { annotations: [] }) }
  if (step.does === 'open') return [bracket(step), [`response.${outer}.added`, { ...slot, part: bare }]]
  const marks = Array.isArray(full.annotations) ? full.annotations : []
  return [
    ...marks.map((annotation, annotation_index): [string, JsonObject] => [
      'response.output_text.annotation.added',
      { ...slot, annotation_index, annotation },
    ]),
    [`response.${name}.done`, { ...slot, [said.type === 'refusal' ? 'refusal' : 'text']: said.text }],
    [`response.${outer}.done`, { ...slot, part: full }],
    bracket(step),
  ]
}

const bracket = ({ does, at, said }: Step): [string, JsonObject] =>
  does === 'open'
    ? ['response.output_item.added', { output_index: at, item: begun(said, at) }]
    : ['response.output_item.done', { output_index: at, item: item(said, at) }]

const frames = (answer: Answer): Frame[] => {
  const status = statusOf(answer)
  const events: [string, JsonObject][] = [
    ['response.created', { response: response(answer, 'in_progress') }],
    ['response.in_progress', { response: response(answer, 'in_progress') }],
    ...steps(answer, true).flatMap(told),
    [`response.${status}`, { response: response(answer, status) }],
  ]
  return events.map(([type, fields], sequence_number) => ({
    event: type,
    data: JSON.stringify({ type, sequence_number, ...fields }),
  }))
}

export const openaiResponses: Vendor = {
  id: 'openai-responses',
  model: 'gpt-5',
  whole: answer => response(answer, statusOf(answer)),
  frames,
  limited: {
    status: 429,
    headers: { 'retry-after': '7' },
    body: { error: { message: 'Too many requests.', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  },
  broken: {
    event: 'error',
    data: JSON.stringify({
      type: 'error',
      sequence_number: 9,
      code: 'server_error',
      message: 'Overloaded.',
      param: null,
    }),
  },
  sealsOf: ({ said }) =>
    said.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.sealed ? [one.sealed] : [])),
  sealsIn: request =>
    (Array.isArray(request.input) ? request.input : []).flatMap(one =>
      isObject(one) && one.type === 'reasoning' ? [String(one.encrypted_content)] : [],
    ),
}
