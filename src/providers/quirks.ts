/** Small corrections of an OpenAI chat request that more than one vendor needs. Each may run twice and changes nothing the second time. */
import { isObject, type JsonObject } from '../ir/json.ts'
import type { Loss } from '../protocols/protocol.ts'

/** Messages of the body that are objects; the rest is left to the vendor's own refusal. */
export const messagesOf = (body: JsonObject): JsonObject[] =>
  Array.isArray(body['messages']) ? body['messages'].filter(isObject) : []

/** The role `developer` is OpenAI's newer name of `system`; vendors that only know the older one refuse it. */
export const developerAsSystem = (body: JsonObject): void => {
  for (const message of messagesOf(body)) if (message['role'] === 'developer') message['role'] = 'system'
}

/** `max_completion_tokens` under its older name, for vendors that overlook the newer one and would answer without a limit. */
export const limitAsMaxTokens = (body: JsonObject): void => {
  if (body['max_completion_tokens'] == null) return
  body['max_tokens'] ??= body['max_completion_tokens']
  delete body['max_completion_tokens']
}

/** Moves a number into the range a vendor accepts; a number inside it is not touched. */
export const clamp = (body: JsonObject, field: string, [low, high]: [low: number, high: number], loss: Loss): void => {
  const value = body[field]
  if (typeof value !== 'number' || (value >= low && value <= high)) return
  body[field] = value < low ? low : high
  loss(field, `the vendor takes ${low} to ${high}, not ${value}`)
}

/** Leaves out what a vendor refuses; noted only where it asked for something. */
export const omit = (body: JsonObject, field: string, loss: Loss, path = field): void => {
  const value = body[field]
  if (value === undefined) return
  delete body[field]
  if (value !== null && value !== false) loss(path, 'the vendor refuses it')
}

export const penalties = ['presence_penalty', 'frequency_penalty'] as const

/** A penalty of 0 asks for nothing, but many clients send it, and some vendors refuse the word itself. */
export const dropIdlePenalties = (body: JsonObject): void => {
  for (const field of penalties) if (body[field] === 0) delete body[field]
}
