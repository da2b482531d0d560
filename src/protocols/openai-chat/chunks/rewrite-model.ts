/** Edits JSON text in place, and leaves every other character unchanged. */
import {
  applyEdits,
  insertionEdit,
  isObject,
  type JsonObject,
  scanTopLevel,
  type TextEdit,
  type TopLevelMembers,
} from '../../../base/json/json.ts'
import type { Passthrough } from '../../protocol.ts'

/**
 * Replaces the model of a request and requests usage if `requestUsage` is set. The request is only serialised anew if a
 * key occurs twice or is written with escapes.
 */
export const writeRequest: Passthrough['writeRequest'] = (text, body, { model, requestUsage }) => {
  const rewritten = replaceLeadingModel(text, body, model, requestUsage)
  if (rewritten !== undefined) return rewritten
  const found = scanTopLevel(text)
  const options = requestUsage ? usageOptionsEdit(text, found) : undefined
  if (!found?.exact || options === 'inexact') return rebuildRequest(body, model, requestUsage)
  const edits = [memberEdit(found, 'model', JSON.stringify(model))]
  if (options) edits.push(options)
  return applyEdits(text, mergeInsertions(edits))
}

/**
 * Fast path for what most clients write: the model comes first, and the key occurs nowhere else, in any spelling. The
 * rest of the text is not parsed.
 */
const replaceLeadingModel = (
  text: string,
  body: JsonObject,
  model: string,
  requestUsage: boolean,
): string | undefined => {
  const value = JSON.stringify(body.model)
  const compact = `{"model":${value}`
  const spaced = `{"model": ${value}`
  const start = startOf(text, compact, spaced)
  if (start === undefined || (requestUsage && body.stream_options !== undefined)) return undefined
  if (text.indexOf('"model"', start.length) >= 0 || text.includes(escapedLetterStart)) return undefined
  const usage = requestUsage ? `"stream_options":${usageOption},` : ''
  return `{${usage}${start.slice(1, -value.length)}${JSON.stringify(model)}${text.slice(start.length)}`
}

/** How the JSON escape of any letter of `model` begins. */
const escapedLetterStart = '\\u006'
const usageOption = '{"include_usage":true}'

const rebuildRequest = (body: JsonObject, model: string, requestUsage: boolean): string => {
  const { stream_options: options } = body
  const usageOptions = requestUsage
    ? { stream_options: { ...(isObject(options) ? options : {}), include_usage: true } }
    : {}
  return JSON.stringify({ ...body, model, ...usageOptions })
}

/**
 * Returns the edit that sets `include_usage` to true and keeps the other members of `stream_options`. Returns undefined
 * if it is already true.
 */
const usageOptionsEdit = (text: string, found: TopLevelMembers | undefined): TextEdit | 'inexact' | undefined => {
  const span = found?.members.get('stream_options')
  if (found === undefined || span === undefined) return found && insertionEdit(found, 'stream_options', usageOption)
  const value = text.slice(span.start, span.end)
  const inner = scanTopLevel(value)
  if (inner === undefined) return { start: span.start, end: span.end, newText: usageOption }
  if (!inner.exact) return 'inexact'
  const { start, end, newText: put } = memberEdit(inner, 'include_usage', 'true')
  return value.slice(start, end) === put
    ? undefined
    : { start: start + span.start, end: end + span.start, newText: put }
}

const memberEdit = (found: TopLevelMembers, key: string, value: string): TextEdit => {
  const span = found.members.get(key)
  return span ? { start: span.start, end: span.end, newText: value } : insertionEdit(found, key, value)
}

/**
 * Joins two members that are inserted at the same position (an empty object, or before its first member), so that only
 * one comma separates them.
 */
const mergeInsertions = (edits: TextEdit[]): TextEdit[] => {
  const [first, second] = edits
  if (!first || !second || first.start !== first.end || first.start !== second.start || second.start !== second.end)
    return edits
  const comma = first.newText.endsWith(',') ? '' : ','
  return [{ ...first, newText: `${first.newText}${comma}${second.newText}` }]
}

/**
 * Returns a function that replaces the model in the text of a frame. Frames of one stream begin alike, so the model is
 * located only once: as long as a frame begins with the same characters as the last frame, up to the end of its model,
 * the model is at the same position.
 */
export const modelReplacer = (model: string): ((text: string) => string) => {
  const value = JSON.stringify(model)
  let prefix = ''
  let newPrefix = ''
  return text => {
    if (prefix !== '' && text.startsWith(prefix)) return newPrefix + text.slice(prefix.length)
    const found = scanTopLevel(text)
    const span = found?.members.get('model')
    if (found === undefined || span === undefined || !found.exact)
      return found === undefined ? text : JSON.stringify({ ...(JSON.parse(text) as JsonObject), model })
    prefix = text.slice(0, span.end)
    newPrefix = text.slice(0, span.start) + value
    return newPrefix + text.slice(prefix.length)
  }
}

const modelKeys = ['"model":', '"model": ']

/**
 * Replaces the model of a non-streaming answer. In nearly all answers the vendor's model occurs once, before the
 * choices, so the answer need not be scanned completely. The match cannot lie inside a string, because the quotes would
 * be escaped there.
 */
export const replaceModel = (text: string, vendorModel: string | undefined, model: string): string => {
  if (vendorModel === undefined) return modelReplacer(model)(text)
  const value = JSON.stringify(vendorModel)
  for (const before of modelKeys) {
    const at = text.indexOf(before + value)
    const end = at + before.length + value.length
    if (at < 0 || text.indexOf('"choices"') < end || text.indexOf('"model"', end) >= 0) continue
    return text.slice(0, at + before.length) + JSON.stringify(model) + text.slice(end)
  }
  return modelReplacer(model)(text)
}

const startOf = (text: string, compact: string, spaced: string): string | undefined => {
  if (text.startsWith(compact)) return compact
  return text.startsWith(spaced) ? spaced : undefined
}
