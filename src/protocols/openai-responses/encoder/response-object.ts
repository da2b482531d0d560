/** The response object for a client: it repeats fields of the request and reports the state of the answer. */
import type { JsonObject } from '../../../base/json/json.ts'
import type { Exchange } from '../../protocol.ts'

/** Fields of the request that the answer repeats, with their default values. */
const echoedFields: JsonObject = {
  background: false,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  safety_identifier: null,
  service_tier: null,
  store: true,
  temperature: null,
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: null,
  truncation: 'disabled',
  user: null,
}

/**
 * The id of an answer: the vendor's id if it is a Responses id, else the id of the gateway, because a client may fetch
 * the answer by its id.
 */
export const responseIdOf = (vendorId: string, exchange: Exchange): string =>
  vendorId.startsWith('resp_') ? vendorId : exchange.id

/** Builds the response object. `fields` (status, output, usage) override the repeated fields. */
export const responseObject = (id: string, exchange: Exchange, fields: JsonObject): JsonObject => {
  const { clientRequest = {}, created, model } = exchange
  const reasoning = clientRequest.reasoning as JsonObject | null | undefined
  const text = clientRequest.text as JsonObject | null | undefined
  const echoed = Object.entries(echoedFields).map(([key, fallback]) => [key, clientRequest[key] ?? fallback])
  return {
    id,
    object: 'response',
    created_at: created,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    model,
    output: [],
    ...Object.fromEntries(echoed),
    reasoning: { effort: null, summary: null, ...reasoning },
    text: { format: { type: 'text' }, ...text },
    usage: null,
    ...fields,
  }
}
