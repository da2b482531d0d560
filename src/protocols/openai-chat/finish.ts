/** Finish reasons: vendors' own words as those of OpenAI, and reasons that are failures. */
import { GatewayError } from '../../base/errors.ts'
import type { Json } from '../../base/json/json.ts'
import type { Exchange } from '../protocol.ts'

/** Maps the finish reasons of vendors to OpenAI's five. */
const finishReasons: ReadonlyMap<string, string> = new Map(
  Object.entries({
    stop: 'stop',
    length: 'length',
    tool_calls: 'tool_calls',
    content_filter: 'content_filter',
    function_call: 'function_call',
    eos: 'stop',
    eos_token: 'stop',
    end_turn: 'stop',
    stop_sequence: 'stop',
    complete: 'stop',
    completed: 'stop',
    normal: 'stop',
    end: 'stop',
    max_tokens: 'length',
    max_length: 'length',
    max_output_tokens: 'length',
    model_length: 'length',
    tool_call: 'tool_calls',
    tool_use: 'tool_calls',
    'tool-calls': 'tool_calls',
    function_calls: 'tool_calls',
    safety: 'content_filter',
    sensitive: 'content_filter',
    blocklist: 'content_filter',
    prohibited_content: 'content_filter',
    recitation: 'content_filter',
    refusal: 'content_filter',
    guardrail_intervened: 'content_filter',
    'content-filter': 'content_filter',
  }),
)

/**
 * Finish reasons by which a vendor reports that it broke off: OpenRouter and Mistral, Zhipu, DeepSeek, vLLM, in this
 * order.
 */
const failureReasons: ReadonlySet<string> = new Set(['error', 'network_error', 'insufficient_system_resource', 'abort'])

/**
 * Maps a vendor's finish reason to OpenAI's. An unknown one becomes `stop`. Returns undefined if the vendor sent none;
 * an empty string and DashScope's "null" count as none.
 */
export const finishReasonOf = (value: Json | undefined, { loss }: Pick<Exchange, 'loss'>): string | undefined => {
  if (typeof value !== 'string' || value === '' || value === 'null') return undefined
  const known = finishReasons.get(value.toLowerCase())
  if (known === undefined) loss('finish_reason', `"${value.slice(0, 40)}" is not a finish reason of this protocol`)
  return known ?? 'stop'
}

/** Returns the error that a finish reason reports, if it reports one. */
export const faultOf = (value: Json | undefined): GatewayError | undefined =>
  typeof value === 'string' && failureReasons.has(value.toLowerCase())
    ? new GatewayError('upstream_failed', `the vendor broke off its answer (${value})`)
    : undefined

/** Corrects a `stop` after tool calls to `tool_calls`, or to `function_call` after a legacy call. */
export const finishReasonAfter = (finish: string, hasCalls: boolean, hasLegacyCall: boolean): string => {
  if (finish !== 'stop') return finish
  if (hasCalls) return 'tool_calls'
  return hasLegacyCall ? 'function_call' : 'stop'
}
