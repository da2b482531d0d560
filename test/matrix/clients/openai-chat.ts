/** A client of Chat Completions. https://platform.openai.com/docs/guides/function-calling */
import { isObject, type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Client, joinField, listOf } from '../scripted-client.ts'

/** Merges a delta: strings are appended, lists merge entry by entry by `index`, every other value is replaced. */
const mergeDelta = (into: JsonObject, delta: JsonObject): void => {
  for (const [key, value] of Object.entries(delta)) {
    const before = into[key]
    if (typeof before === 'string' && typeof value === 'string' && !['id', 'type', 'role', 'name'].includes(key))
      into[key] = before + value
    else if (Array.isArray(value)) into[key] = mergeList(listOf(before), listOf(value))
    else if (isObject(before) && isObject(value)) mergeDelta(before, value)
    else if (value !== null || before === undefined) into[key] = structuredClone(value)
  }
}

const mergeList = (list: JsonObject[], deltas: JsonObject[]): JsonObject[] => {
  for (const delta of deltas) {
    const known = typeof delta.index === 'number' ? list.find(one => one.index === delta.index) : undefined
    if (known) mergeDelta(known, delta)
    else list.push(structuredClone(delta))
  }
  return list
}

const assembleStream = (frames: readonly Frame[]): JsonObject => {
  if (frames.at(-1)?.data !== '[DONE]') throw new Error('no [DONE] at the end')
  const message: JsonObject = {}
  const choice: JsonObject = { index: 0, message, logprobs: null, finish_reason: null }
  const answer: JsonObject = {}
  for (const { data } of frames.slice(0, -1)) {
    const { choices, usage, ...rest } = JSON.parse(data) as JsonObject
    Object.assign(answer, rest, { object: 'chat.completion', choices: [choice] }, usage ? { usage } : {})
    const [first] = listOf(choices)
    if (first === undefined) continue
    mergeDelta(message, first.delta as JsonObject)
    choice.finish_reason = first.finish_reason ?? choice.finish_reason
  }
  for (const call of listOf(message.tool_calls)) delete call.index
  message.refusal ??= null
  if (message.content === '' && (message.tool_calls !== undefined || message.refusal !== null)) message.content = null
  return answer
}

const messageOf = (answer: JsonObject): JsonObject => listOf(answer.choices)[0]!.message as JsonObject

export const openaiChat: Client = {
  id: 'openai-chat',
  assembleStream,
  nextRequest(request, answer, results) {
    const message = messageOf(answer)
    const toolMessages = listOf(message.tool_calls).map(({ id }) => ({
      role: 'tool',
      tool_call_id: id!,
      content: results.get(String(id))!,
    }))
    return { ...request, messages: [...listOf(request.messages), message, ...toolMessages] }
  },
  parseAnswer(answer) {
    const message = messageOf(answer)
    const calls = listOf(message.tool_calls).map(call => {
      const body = (call.function ?? call.custom) as JsonObject
      if (call.type === 'custom') return { id: String(call.id), name: String(body.name), args: { input: body.input! } }
      return { id: String(call.id), name: String(body.name), args: parseJson(String(body.arguments)) }
    })
    const messages = [message]
    return {
      text: joinField(messages, 'content'),
      thought: joinField(messages, 'reasoning_content'),
      refusal: joinField(messages, 'refusal'),
      calls,
      finish: String(listOf(answer.choices)[0]!.finish_reason),
    }
  },
}
