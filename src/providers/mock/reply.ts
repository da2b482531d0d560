/**
 * What a mock model replies to a chat. The reply depends only on the request and the model's name, so it is always the
 * same.
 */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Behaviour } from './behaviour.ts'
import { MockError } from './respond.ts'
import { sampleOf } from './sample.ts'
import { cutAtStop, hexHash, tokensOf, truncate } from './text.ts'

type MockCall = { id: string; name: string; args: string[] }
/** A reply with its texts split into tokens. */
export type MockReply = {
  reasoning: string[]
  text: string[]
  calls: MockCall[]
  finish: 'stop' | 'length' | 'tool_calls'
}

const mediaNames: Record<string, string> = {
  image_url: 'image',
  input_audio: 'recording',
  file: 'file',
  video_url: 'video',
}

/**
 * The messages of the request.
 * @throws MockError if there are none
 */
export const messagesIn = (body: JsonObject): JsonObject[] => {
  const messages = Array.isArray(body['messages']) ? body['messages'].filter(isObject) : []
  if (messages.length === 0) throw new MockError(400, 'messages must be a list with at least one message', 'messages')
  return messages
}

/** The text of a message content, which is a string or a list of parts. */
export const textOf = (content: Json | undefined): string => {
  if (typeof content === 'string') return content
  const parts = Array.isArray(content) ? content.filter(isObject) : []
  return parts.flatMap(({ text }) => (typeof text === 'string' ? [text] : [])).join('\n')
}

/** Describes media parts: `You sent 2 images and 1 file.` */
const describeMedia = (content: Json | undefined): string => {
  const counts = new Map<string, number>()
  for (const part of Array.isArray(content) ? content.filter(isObject) : []) {
    const kind = lookUp(mediaNames, String(part['type']))
    if (kind) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const phrases = [...counts].map(([kind, count]) => `${count} ${kind}${count > 1 ? 's' : ''}`)
  return phrases.length > 0 ? `You sent ${phrases.join(' and ')}.` : ''
}

type MockPrompt = { userText: string; mediaText: string; toolResults: string[] }

/** Reads the last user message and the tool results after it. */
const readPrompt = (messages: JsonObject[]): MockPrompt => {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  const toolMessages = messages.slice(lastUser + 1).filter(({ role }) => role === 'tool' || role === 'function')
  const content = messages[lastUser]?.['content']
  return {
    userText: truncate(textOf(content)),
    mediaText: describeMedia(content),
    toolResults: toolMessages.map(message => truncate(textOf(message['content']))),
  }
}

const functionsIn = (body: JsonObject): JsonObject[] => {
  const tools = Array.isArray(body['tools']) ? body['tools'].filter(isObject) : []
  return tools.map(tool => tool['function']).filter(isObject)
}

/**
 * The tools to call: a named tool, otherwise the first tool, or the first two if several are given and parallel calls
 * are allowed.
 */
const chooseTools = (body: JsonObject, behaviour: Behaviour): JsonObject[] => {
  const choice = body['tool_choice']
  const functions = functionsIn(body)
  const named = isObject(choice) && isObject(choice['function']) ? choice['function']['name'] : undefined
  if (named !== undefined) return functions.filter(({ name }) => name === named)
  if (choice === 'none' || !(behaviour.tools || choice === 'required')) return []
  return functions.slice(0, behaviour.tools && body['parallel_tool_calls'] !== false ? 2 : 1)
}

const callOf = (tool: JsonObject, index: number, seed: string): MockCall => ({
  id: `call_${hexHash(`${seed}${index}`)}`,
  name: String(tool['name']),
  args: tokensOf(JSON.stringify(sampleOf(tool['parameters'] ?? { type: 'object' }))),
})

const textFor = (
  body: JsonObject,
  behaviour: Behaviour,
  { userText, mediaText, toolResults: results }: MockPrompt,
): string => {
  const format = isObject(body['response_format']) ? body['response_format'] : {}
  const schema = isObject(format['json_schema']) ? format['json_schema']['schema'] : undefined
  if (format['type'] === 'json_schema') return JSON.stringify(sampleOf(schema ?? { type: 'object' }))
  if (format['type'] === 'json_object' || behaviour.json)
    return JSON.stringify({ said: userText, ...(results.length > 0 && { results }) })
  if (results.length > 0) return `The ${results.length > 1 ? 'tools' : 'tool'} answered: ${results.join(' and ')}`
  if (userText === '' && mediaText === '') return 'You said nothing.'
  const sentence = userText === '' ? '' : `You said: "${userText}".`
  return [sentence, mediaText].filter(Boolean).join(' ')
}

/** Limits a reply to a number of tokens, counted in output order. */
const truncateReply = (reply: MockReply, limit: number): MockReply => {
  let remaining = limit
  let isTruncated = false
  const take = (tokens: string[]): string[] => {
    const taken = tokens.slice(0, remaining)
    isTruncated ||= taken.length < tokens.length
    remaining -= taken.length
    return taken
  }
  const reasoning = take(reply.reasoning)
  const text = take(reply.text)
  const calls = reply.calls.flatMap(call => (isTruncated ? [] : [{ ...call, args: take(call.args) }]))
  return isTruncated ? { reasoning, text, calls, finish: 'length' } : reply
}

const maxTokensIn = (body: JsonObject): number => {
  const limit = body['max_completion_tokens'] ?? body['max_tokens']
  return typeof limit === 'number' && limit >= 0 ? limit : Number.POSITIVE_INFINITY
}

/** @param at index of the choice, from 0. Every choice after the first states its number. */
export const replyTo = (body: JsonObject, behaviour: Behaviour, at: number): MockReply => {
  const prompt = readPrompt(messagesIn(body))
  const tools = prompt.toolResults.length > 0 ? [] : chooseTools(body, behaviour)
  const calls = tools.map((tool, index) => callOf(tool, index, `${at} ${prompt.userText}`))
  const baseText = calls.length > 0 ? '' : textFor(body, behaviour, prompt)
  const text = at > 0 && baseText !== '' && !baseText.startsWith('{') ? `${baseText} (${at + 1})` : baseText
  const reasoning = behaviour.reasoning
    ? tokensOf(`The user said "${truncate(prompt.userText, 80)}". I answer with what was said.`)
    : []
  const finish = calls.length > 0 ? 'tool_calls' : 'stop'
  return truncateReply({ reasoning, text: tokensOf(cutAtStop(text, body['stop'])), calls, finish }, maxTokensIn(body))
}
