/** Small corrections of an OpenAI chat request that more than one vendor needs. Each may run twice and changes nothing the second time. */
import { isObject, type JsonObject, objectsIn } from '../base/json/json.ts'
import type { NoteLoss } from '../protocols/protocol.ts'

/** Messages of the body that are objects; the rest is left to the vendor's own refusal. */
export const messagesOf = (body: JsonObject): JsonObject[] =>
  Array.isArray(body['messages']) ? body['messages'].filter(isObject) : []

/** The role `developer` is OpenAI's newer name of `system`; vendors that only know the older one refuse it. */
export const developerToSystem = (body: JsonObject): void => {
  for (const message of messagesOf(body)) if (message['role'] === 'developer') message['role'] = 'system'
}

/** `max_completion_tokens` under its older name, for vendors that overlook the newer one and would answer without a limit. */
export const renameToMaxTokens = (body: JsonObject): void => {
  if (body['max_completion_tokens'] == null) return
  body['max_tokens'] ??= body['max_completion_tokens']
  delete body['max_completion_tokens']
}

/** Moves a number into the range a vendor accepts; a number inside it is not touched. */
export const clamp = (
  body: JsonObject,
  field: string,
  [low, high]: [low: number, high: number],
  noteLoss: NoteLoss,
): void => {
  const value = body[field]
  if (typeof value !== 'number' || (value >= low && value <= high)) return
  body[field] = value < low ? low : high
  noteLoss(field, `the vendor takes ${low} to ${high}, not ${value}`)
}

/** Leaves out what a vendor refuses; noted only where it asked for something. */
export const omit = (body: JsonObject, field: string, noteLoss: NoteLoss, path = field): void => {
  const value = body[field]
  if (value === undefined) return
  delete body[field]
  if (value !== null && value !== false) noteLoss(path, 'the vendor refuses it')
}

export const penalties = ['presence_penalty', 'frequency_penalty'] as const

/** A penalty of 0 asks for nothing, but many clients send it, and some vendors refuse the word itself. */
export const dropZeroPenalties = (body: JsonObject): void => {
  for (const field of penalties) if (body[field] === 0) delete body[field]
}

/** Thoughts of earlier answers stay away from vendors that refuse the field. */
export const omitReasoning = (body: JsonObject, noteLoss: NoteLoss): void => {
  for (const [index, message] of messagesOf(body).entries())
    omit(message, 'reasoning_content', noteLoss, `messages[${index}].reasoning_content`)
}

/** Anthropic's marks of what to cache, for vendors that refuse them. */
export const omitCacheControl = (body: JsonObject, noteLoss: NoteLoss): void => {
  for (const [index, message] of messagesOf(body).entries())
    for (const [partIndex, part] of objectsIn(message['content']).entries())
      omit(part, 'cache_control', noteLoss, `messages[${index}].content[${partIndex}].cache_control`)
  for (const [index, tool] of objectsIn(body['tools']).entries())
    omit(tool, 'cache_control', noteLoss, `tools[${index}].cache_control`)
}

/**
 * Without a name OpenAI takes a file for one it keeps, "Missing required parameter: …file.file_id" (github.com/openai/openai-agents-python pull
 * 1513, 2025-08), and of its data it wants the whole URL.
 */
const nameFile = (file: JsonObject): void => {
  const data = file['file_data']
  if (typeof data !== 'string') return
  file['filename'] ??= 'file.pdf'
  if (data.startsWith('JVBERi')) file['file_data'] = `data:application/pdf;base64,${data}`
}

const partsIn = (messages: unknown): JsonObject[] => objectsIn(messages).flatMap(({ content }) => objectsIn(content))

/** OpenAI takes 64 characters for the name of a user (github.com/maximhq/bifrost pull 1000, 2025-12); Claude Code sends 150. */
const maxUserLength = 64

const shortenUser = (body: JsonObject, noteLoss: NoteLoss): void => {
  const { user } = body
  if (typeof user !== 'string' || user.length <= maxUserLength) return
  body['user'] = new Bun.CryptoHasher('sha256').update(user).digest('hex')
  noteLoss('user', `longer than ${maxUserLength} characters: its digest is sent`)
}

/** `max_tokens` under the name that OpenAI's thinking models know alone. */
const renameToMaxCompletionTokens = (body: JsonObject): void => {
  if (body['max_tokens'] == null) return
  body['max_completion_tokens'] ??= body['max_tokens']
  delete body['max_tokens']
}

/**
 * OpenAI's own service refuses every field it does not know: top_k gets 400 "Unrecognized request argument supplied: top_k"
 * (github.com/xlinx/sd-webui-decadetw-auto-prompt-llm issue 29), cache_control is OpenRouter's and Anthropic's alone
 * (github.com/BerriAI/litellm pull 28431, 2026-05), and reasoning_content other vendors' (platform.openai.com/docs/api-reference/chat, 2026-11).
 */
export const trimForOpenAi = (body: JsonObject, noteLoss: NoteLoss, usesMaxCompletionTokens: boolean): void => {
  if (usesMaxCompletionTokens) renameToMaxCompletionTokens(body)
  omit(body, 'top_k', noteLoss)
  omitReasoning(body, noteLoss)
  omitCacheControl(body, noteLoss)
  for (const { file } of partsIn(body['messages'])) if (isObject(file)) nameFile(file)
  shortenUser(body, noteLoss)
}

/** The same in Responses, whose translation says nothing else that OpenAI refuses. */
export const trimResponses = (body: JsonObject, noteLoss: NoteLoss): void => {
  partsIn(body['input']).forEach(nameFile)
  shortenUser(body, noteLoss)
}
