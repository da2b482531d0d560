/**
 * What vendors get wrong about Chat Completions, put right in place. Every function gives whether it changed anything, so that
 * what was right can go on as it came. Fields this page does not name stay as they are.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Exchange } from '../protocol.ts'
import { type CallTracker, wholeCall } from './chunks/call-tracker.ts'
import { mendUsage } from './usage.ts'

/** One choice of the answer, as far as it has come. */
export type Choice = {
  readonly index: number
  /** Its first chunk has been seen. */
  begun: boolean
  /** held: the finish is known but not told yet, for more content may come. */
  phase: 'open' | 'held' | 'done'
  finish: string
  /** Content came after the finish: the next finish word is the truer one. */
  late: boolean
  /** A `function_call` of the old kind was seen. */
  legacy: boolean
  calls: CallTracker
}

/** What differs between the wires that stream in choices. */
export type Shape = {
  object: string
  /** Puts one choice right; true if anything was changed. */
  mend(body: JsonObject, choice: Choice): boolean
  /** Does it carry content. */
  says(body: JsonObject): boolean
  /** A choice that says nothing but its finish. */
  bare(index: number, finish: string): JsonObject
}

/** What is the same on every chunk of an answer: the first chunk's own, where it has it. */
export type Identity = { id: string; created: number; model: string; object: string }

export const identityOf = (body: JsonObject, exchange: Exchange, object: string): Identity => ({
  id: textOf(body.id) || exchange.id,
  created: seconds(body.created) ?? exchange.created,
  model: exchange.model,
  object,
})

/** `model` is left alone where it is a word: it is replaced in the text. */
export const mendEnvelope = (body: JsonObject, identity: Identity): boolean => {
  let changed = typeof body.model !== 'string'
  if (changed) body.model = identity.model
  for (const key of identityKeys) {
    if (body[key] === identity[key]) continue
    body[key] = identity[key]
    changed = true
  }
  return changed
}

const identityKeys = ['id', 'object', 'created'] as const

/** Unix seconds out of a number, a string, a fraction or milliseconds; 0 is no time. */
const seconds = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0) return undefined
  return Math.floor(number > 1e11 ? number / 1000 : number)
}

/** Words of a vendor for OpenAI's five; empty ones, and the "null" of DashScope, are none. */
const finishes: ReadonlyMap<string, string> = new Map(
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

/** Words by which a vendor says that it broke off: OpenRouter and Mistral, Zhipu, DeepSeek, vLLM, in this order. */
const breaks: ReadonlySet<string> = new Set(['error', 'network_error', 'insufficient_system_resource', 'abort'])

/** A vendor's word → OpenAI's, `stop` for one nobody knows; undefined where it says none. */
export const finishOf = (value: Json | undefined, { loss }: Pick<Exchange, 'loss'>): string | undefined => {
  if (typeof value !== 'string' || value === '' || value === 'null') return undefined
  const known = finishes.get(value.toLowerCase())
  if (known === undefined) loss('finish_reason', `"${value.slice(0, 40)}" is not a word of this protocol`)
  return known ?? 'stop'
}

/** The fault a finish word tells, if it tells one. */
export const brokenOff = (value: Json | undefined): GatewayError | undefined =>
  typeof value === 'string' && breaks.has(value.toLowerCase())
    ? new GatewayError('upstream_failed', `the vendor broke off its answer (${value})`)
    : undefined

/** A `stop` after calls is said as what it is. */
export const finishAfter = (finish: string, calls: boolean, legacy: boolean): string =>
  finish !== 'stop' ? finish : calls ? 'tool_calls' : legacy ? 'function_call' : 'stop'

/** What a delta and a message have alike: content as text, thoughts under one name, no empty fields of calls. */
export const mendSpeech = (speech: JsonObject): boolean => {
  let changed = mendContent(speech)
  const { reasoning } = speech
  if (typeof reasoning === 'string' && reasoning !== '' && typeof speech.reasoning_content !== 'string') {
    speech.reasoning_content = reasoning
    changed = true
  }
  const { tool_calls: calls, function_call: legacy } = speech
  if (isObject(calls)) speech.tool_calls = [calls]
  else if (calls !== undefined && !(Array.isArray(calls) && calls.length > 0)) changed = delete speech.tool_calls
  if (legacy !== undefined && !saysLegacy(legacy)) changed = delete speech.function_call
  return changed || isObject(calls)
}

const saysLegacy = (call: Json): boolean =>
  isObject(call) && [call.name, call.arguments].some(value => typeof value === 'string' && value !== '')

/** Content that is no string: a list of parts, thoughts among them (Mistral), or an object (Cloudflare with a schema). */
const mendContent = (speech: JsonObject): boolean => {
  const { content } = speech
  if (typeof content === 'string' || content === null || content === undefined) return false
  if (!Array.isArray(content)) {
    speech.content = typeof content === 'object' ? JSON.stringify(content) : String(content)
    return true
  }
  const thoughts = content
    .map(part => (isObject(part) && part.type === 'thinking' ? partText(part.thinking) : ''))
    .join('')
  const texts = content.filter(part => !isObject(part) || part.type !== 'thinking')
  if (thoughts !== '') speech.reasoning_content = `${textOf(speech.reasoning_content) ?? ''}${thoughts}`
  const text = texts.map(partText).join('')
  if (texts.length > 0) speech.content = text
  else delete speech.content
  return true
}

const partText = (part: Json | undefined): string => {
  if (Array.isArray(part)) return part.map(partText).join('')
  return isObject(part) ? (textOf(part.text) ?? '') : (textOf(part) ?? '')
}

/** The choices of Chat Completions in a stream. */
export const chatShape: Shape = {
  object: 'chat.completion.chunk',
  bare: (index, finish) => ({ index, delta: {}, finish_reason: finish }),
  says: ({ delta }) => isObject(delta) && spoken.some(key => isTold(delta[key])),
  mend(body, choice) {
    let changed = mendDelta(body, choice)
    const delta = body.delta as JsonObject
    if (mendSpeech(delta)) changed = true
    if (mendRole(delta, choice.begun)) changed = true
    if (delta.function_call !== undefined) choice.legacy = true
    if (!Array.isArray(delta.tool_calls)) return changed
    const mended = choice.calls.mend(delta.tool_calls)
    if (!mended.changed) return changed
    if (mended.entries.length > 0) delta.tool_calls = mended.entries
    else delete delta.tool_calls
    return true
  },
}

/** Fields of a delta that are content. */
const spoken = [
  'content',
  'tool_calls',
  'reasoning_content',
  'reasoning',
  'refusal',
  'function_call',
  'audio',
  'images',
  'reasoning_details',
]
const isTold = (value: Json | undefined): boolean =>
  isObject(value) || (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== '')

/** A whole message in the place of a delta is one if nothing came before; else it repeats what was said (MiniMax). */
const mendDelta = (body: JsonObject, { begun }: Choice): boolean => {
  if (isObject(body.delta)) return false
  body.delta = isObject(body.message) && !begun ? body.message : {}
  if (body.delta === body.message) delete body.message
  return true
}

/** The first delta says who speaks; a later one may repeat it but not say otherwise. */
const mendRole = (delta: JsonObject, begun: boolean): boolean => {
  const { role } = delta
  if (role === 'assistant' || (begun && role === undefined)) return false
  if (begun) delete delta.role
  else delta.role = 'assistant'
  return true
}

/**
 * A whole answer, made strict. `changed` tells whether the text must be written anew.
 * @throws GatewayError `upstream_failed` where it has no choices, or one broke off.
 */
export const mendMessage = (body: JsonObject, exchange: Exchange): boolean => {
  const { choices } = body
  if (!Array.isArray(choices) || choices.length === 0)
    throw new GatewayError('upstream_failed', 'the vendor answered without choices')
  let changed = mendEnvelope(body, identityOf(body, exchange, 'chat.completion'))
  for (let position = 0; position < choices.length; position++)
    if (mendWholeChoice(choices, position, exchange)) changed = true
  const [first] = choices
  if (body.usage === undefined && isObject(first) && isObject(first.usage)) {
    body.usage = first.usage
    changed = delete first.usage
  }
  return mendUsage(body) || changed
}

const mendWholeChoice = (choices: Json[], position: number, exchange: Exchange): boolean => {
  const given = choices[position]!
  const choice = isObject(given) ? given : {}
  let changed = choice !== given
  choices[position] = choice
  const fault = brokenOff(choice.finish_reason)
  if (fault) throw fault
  if (typeof choice.index !== 'number') {
    choice.index = position
    changed = true
  }
  if (!isObject(choice.message)) {
    choice.message = isObject(choice.delta) ? choice.delta : { role: 'assistant', content: textOf(choice.text) ?? null }
    delete choice.delta
    changed = true
  }
  const message = choice.message as JsonObject
  if (mendWhole(message, exchange, position)) changed = true
  const word = finishOf(choice.finish_reason, exchange) ?? 'stop'
  const finish = finishAfter(word, 'tool_calls' in message, 'function_call' in message)
  if (choice.finish_reason !== finish) {
    choice.finish_reason = finish
    changed = true
  }
  return changed
}

const mendWhole = (message: JsonObject, exchange: Exchange, choice: number): boolean => {
  let changed = mendSpeech(message)
  if (message.role !== 'assistant') {
    message.role = 'assistant'
    changed = true
  }
  if (message.content === undefined) {
    message.content = null
    changed = true
  }
  return (Array.isArray(message.tool_calls) && mendCalls(message, message.tool_calls, exchange, choice)) || changed
}

const mendCalls = (message: JsonObject, told: Json[], exchange: Exchange, choice: number): boolean => {
  const before = JSON.stringify(told)
  const taken = new Set<unknown>()
  const calls = told.filter(isObject).map((call, index) => {
    const whole = wholeCall(taken.has(call.id) ? { ...call, id: null } : call, callId(exchange, choice, index))
    taken.add(whole?.id)
    return whole
  })
  const strict = calls.filter(call => call !== undefined)
  if (strict.length > 0) message.tool_calls = strict
  else delete message.tool_calls
  return JSON.stringify(strict) !== before
}

/** An id for a call that came without one: at most 40 characters, which is what OpenAI takes back. */
export const callId = ({ id }: Pick<Exchange, 'id'>, choice: number, index: number): string =>
  `call_${id.replace(/^[a-z]+-/, '').slice(-24)}${choice > 0 ? `_${choice}` : ''}_${index}`
