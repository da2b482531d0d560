/**
 * Tool results: an object in Gemini's JSON, text and media in every other protocol.
 * https://ai.google.dev/api/caching#FunctionResponse (2026-11)
 */

import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import type { MediaPart, Part, ToolResult } from '../../../ir/chat.ts'
import type { Exchange } from '../../protocol.ts'
import { listOf, withoutNullish } from '../syntax/casing.ts'
import { acceptsMediaInResults } from '../thinking.ts'
import { argsObject } from './function-args.ts'
import { parseMedia, renderMedia, sealOf } from './part.ts'

/**
 * Parses a tool result. `call` is the id of its call. A single field `output`, `result` or `error` is unwrapped:
 * Google's libraries use these names for values that are not objects.
 */
export const parseResult = (part: JsonObject, call: string): ToolResult => {
  const functionResponse = isObject(part.functionResponse) ? part.functionResponse : {}
  const response = isObject(functionResponse.response) ? functionResponse.response : {}
  const [key, ...others] = Object.keys(response)
  const isWrapped = others.length === 0 && key !== undefined && ['output', 'result', 'error'].includes(key)
  const value = isWrapped ? response[key] : response
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null)
  const media = listOf(functionResponse.parts).flatMap(one => parseMedia(one) ?? [])
  const seal = sealOf(part)
  const parts: Part[] = text === '{}' && media.length > 0 ? media : [{ type: 'text', text }, ...media]
  return {
    type: 'result',
    id: call,
    parts,
    ...(isWrapped && key === 'error' && { failed: true }),
    ...(seal && { seal }),
  }
}

/**
 * Renders a tool result. Media that cannot be nested in it follow as parts of their own.
 * @param call the name of the called function, and the call's id if the vendor assigned it
 */
export const renderResult = (
  { parts, failed }: ToolResult,
  call: { name: string; id: string | undefined },
  { model, path, exchange }: { model: string; path: string; exchange: Exchange },
): JsonObject[] => {
  const text = parts.map(part => (part.type === 'text' || part.type === 'refusal' ? part.text : '')).join('')
  const media = parts.filter(part => part.type === 'media').flatMap(part => renderResultMedia(part, path, exchange))
  const isNested = media.length > 0 && acceptsMediaInResults(model)
  for (const part of parts) if (part.type === 'foreign') exchange.loss(path, `only ${part.seal.by} can read it`)
  const functionResponse = withoutNullish({
    id: call.id,
    name: call.name,
    response: failed ? { error: text } : responseOf(text, media.length > 0),
    parts: isNested ? media : undefined,
  })
  return [{ functionResponse }, ...(isNested ? [] : media)]
}

const renderResultMedia = (media: MediaPart, path: string, exchange: Exchange): JsonObject[] => {
  const rendered = renderMedia(media)
  if (rendered === undefined) exchange.loss(path, `a tool result of this protocol cannot contain ${media.mime}`)
  return rendered === undefined ? [] : [rendered]
}

/** An object is the response itself. Any other value is put under `output`. */
const responseOf = (text: string, hasMedia: boolean): Json => {
  const value = /^\s*\{/.test(text) ? argsObject(text) : undefined
  return value ?? (text === '' && hasMedia ? {} : { output: text })
}

/** Returns the name of the function that a result belongs to. */
export const responseName = (part: JsonObject): string =>
  isObject(part.functionResponse) ? (textOf(part.functionResponse.name) ?? '') : ''
