/** Corrections of OpenAI chat requests that several vendors need. Each is idempotent: a second run changes nothing. */
import { isObject, type JsonObject, objectsIn } from '../base/json/json.ts'
import type { NoteLoss } from '../protocols/protocol.ts'

/** The messages of the body that are objects. Anything else is left for the vendor to refuse. */
export const messagesOf = (body: JsonObject): JsonObject[] =>
  Array.isArray(body['messages']) ? body['messages'].filter(isObject) : []

/** Renames the role `developer` to `system`. `developer` is OpenAI's newer name, and some vendors refuse it. */
export const developerToSystem = (body: JsonObject): void => {
  for (const message of messagesOf(body)) if (message['role'] === 'developer') message['role'] = 'system'
}

/**
 * Renames `max_completion_tokens` to `max_tokens`, for vendors that ignore the newer name and would answer without a
 * limit.
 */
export const renameToMaxTokens = (body: JsonObject): void => {
  if (body['max_completion_tokens'] == null) return
  body['max_tokens'] ??= body['max_completion_tokens']
  delete body['max_completion_tokens']
}

/** Moves a number into the range that a vendor accepts. A number within the range is not changed. */
export const clamp = (
  body: JsonObject,
  field: string,
  [low, high]: [low: number, high: number],
  noteLoss: NoteLoss,
): void => {
  const value = body[field]
  if (typeof value !== 'number' || (value >= low && value <= high)) return
  body[field] = value < low ? low : high
  noteLoss(field, `the vendor accepts ${low} to ${high}, not ${value}`)
}

/** Removes a field that a vendor refuses. The loss is reported only if the field had an effect. */
export const omit = (body: JsonObject, field: string, noteLoss: NoteLoss, path = field): void => {
  const value = body[field]
  if (value === undefined) return
  delete body[field]
  if (value !== null && value !== false) noteLoss(path, 'the vendor does not accept it')
}

export const penalties = ['presence_penalty', 'frequency_penalty'] as const

/**
 * Removes penalties of 0. Many clients send them although they have no effect, and some vendors refuse the field
 * itself.
 */
export const dropZeroPenalties = (body: JsonObject): void => {
  for (const field of penalties) if (body[field] === 0) delete body[field]
}

/** Removes the reasoning of earlier responses, for vendors that refuse the field. */
export const omitReasoning = (body: JsonObject, noteLoss: NoteLoss): void => {
  for (const [index, message] of messagesOf(body).entries())
    omit(message, 'reasoning_content', noteLoss, `messages[${index}].reasoning_content`)
}

/** Removes Anthropic's `cache_control` markers, for vendors that refuse them. */
export const omitCacheControl = (body: JsonObject, noteLoss: NoteLoss): void => {
  for (const [index, message] of messagesOf(body).entries())
    for (const [partIndex, part] of objectsIn(message['content']).entries())
      omit(part, 'cache_control', noteLoss, `messages[${index}].content[${partIndex}].cache_control`)
  for (const [index, tool] of objectsIn(body['tools']).entries())
    omit(tool, 'cache_control', noteLoss, `tools[${index}].cache_control`)
}

/**
 * Gives a file a name and a complete data URL. OpenAI answers "Missing required parameter: …file.file_id" to a file
 * without a name (github.com/openai/openai-agents-python pull 1513, 2025-08).
 */
const nameFile = (file: JsonObject): void => {
  const data = file['file_data']
  if (typeof data !== 'string') return
  file['filename'] ??= 'file.pdf'
  if (data.startsWith('JVBERi')) file['file_data'] = `data:application/pdf;base64,${data}`
}

const partsIn = (messages: unknown): JsonObject[] => objectsIn(messages).flatMap(({ content }) => objectsIn(content))

/**
 * OpenAI accepts at most 64 characters in `user` (github.com/maximhq/bifrost pull 1000, 2025-12). Claude Code sends
 * 150.
 */
const maxUserLength = 64

const shortenUser = (body: JsonObject, noteLoss: NoteLoss): void => {
  const { user } = body
  if (typeof user !== 'string' || user.length <= maxUserLength) return
  body['user'] = new Bun.CryptoHasher('sha256').update(user).digest('hex')
  noteLoss('user', `it is longer than ${maxUserLength} characters, so its digest is sent`)
}

/** Renames `max_tokens` to `max_completion_tokens`, the only name that OpenAI's reasoning models accept. */
const renameToMaxCompletionTokens = (body: JsonObject): void => {
  if (body['max_tokens'] == null) return
  body['max_completion_tokens'] ??= body['max_tokens']
  delete body['max_tokens']
}

/**
 * Removes what OpenAI's own service refuses. It refuses every unknown field: top_k gets 400 "Unrecognized request
 * argument supplied: top_k" (github.com/xlinx/sd-webui-decadetw-auto-prompt-llm issue 29), cache_control is only known
 * to OpenRouter and Anthropic (github.com/BerriAI/litellm pull 28431, 2026-05), and reasoning_content only to other
 * vendors (platform.openai.com/docs/api-reference/chat, 2026-11).
 */
export const trimForOpenAi = (body: JsonObject, noteLoss: NoteLoss, usesMaxCompletionTokens: boolean): void => {
  if (usesMaxCompletionTokens) renameToMaxCompletionTokens(body)
  omit(body, 'top_k', noteLoss)
  omitReasoning(body, noteLoss)
  omitCacheControl(body, noteLoss)
  for (const { file } of partsIn(body['messages'])) if (isObject(file)) nameFile(file)
  shortenUser(body, noteLoss)
}

/** The same for Responses. Its translation contains nothing else that OpenAI refuses. */
export const trimResponses = (body: JsonObject, noteLoss: NoteLoss): void => {
  partsIn(body['input']).forEach(nameFile)
  shortenUser(body, noteLoss)
}
