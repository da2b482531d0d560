/** A whole answer of Chat Completions ↔ a message. Both are told as a stream: the mapping itself stands in stream.ts alone. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import { gather } from './chunks/merge-deltas.ts'
import { mendMessage } from './normalize.ts'
import { readMessage } from './passthrough.ts'
import { hearChunks } from './stream-decoder.ts'
import { tellChunks } from './stream-encoder.ts'

/**
 * A vendor's whole answer → a message. @throws GatewayError the fault it tells, `upstream_failed` where it is none.
 */
export const parseMessage = (given: Json, exchange: Exchange): Message => {
  if (!isObject(given)) throw notAnAnswer(typeof given === 'string' ? given : JSON.stringify(given), exchange)
  const body = readMessage(JSON.stringify(given), exchange)
  mendMessage(body, exchange)
  const collector = createCollector()
  const ear = hearChunks(exchange, collector.push)
  ear.chunk({ ...body, choices: (body.choices as JsonObject[]).map(asDelta) })
  ear.end()
  return collector.message()
}

/** A message is a delta that says everything at once; its calls are numbered by their place. */
const asDelta = ({ message, ...choice }: JsonObject): JsonObject => {
  const { tool_calls: calls, ...delta } = message as JsonObject
  if (!Array.isArray(calls)) return { ...choice, delta }
  return {
    ...choice,
    delta: { ...delta, tool_calls: calls.map((call, index) => ({ ...(call as JsonObject), index })) },
  }
}

/** A message → the whole answer a client gets. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  const body: JsonObject = {}
  const choice: JsonObject = {}
  const said: JsonObject = {}
  const mouth = tellChunks({ ...exchange, usageRequested: true })(({ choices, usage, ...envelope }) => {
    Object.assign(body, envelope)
    if (usage) body.usage = usage
    const [one] = choices as JsonObject[]
    if (one === undefined) return
    gather(said, one.delta as JsonObject)
    Object.assign(choice, { index: 0, finish_reason: one.finish_reason })
  })
  for (const event of replayMessage(message)) mouth(event)
  mouth(undefined)
  const { content, tool_calls: calls, ...rest } = said
  const spoken = {
    ...rest,
    content: content === '' && !saysText(message) ? null : (content ?? null),
    refusal: rest.refusal ?? null,
  }
  const whole = { ...spoken, ...(calls !== undefined && { tool_calls: (calls as JsonObject[]).map(unnumbered) }) }
  const { usage, ...envelope } = body
  const choices = [{ ...choice, message: whole, logprobs: null }]
  return { ...envelope, object: 'chat.completion', choices, ...(usage !== undefined && { usage }) }
}

const saysText = ({ parts }: Message): boolean => parts.some(part => part.type === 'text')

const unnumbered = ({ index: _index, ...call }: JsonObject): JsonObject => call
