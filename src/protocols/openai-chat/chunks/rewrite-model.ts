/** Changes inside JSON text that leave every other character as it came. */
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

/** A request with its model replaced, and usage asked for. Rebuilt from its values only where keys are double or written with escapes. */
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

/** What most clients write, done without a look at the rest: the model stands first, and its key nowhere else in whatever spelling. */
const replaceLeadingModel = (
  text: string,
  body: JsonObject,
  model: string,
  requestUsage: boolean,
): string | undefined => {
  const value = JSON.stringify(body.model)
  const compact = `{"model":${value}`
  const spaced = `{"model": ${value}`
  const start = text.startsWith(compact) ? compact : text.startsWith(spaced) ? spaced : undefined
  if (start === undefined || (requestUsage && body.stream_options !== undefined)) return undefined
  if (text.indexOf('"model"', start.length) >= 0 || text.includes(escapedLetterStart)) return undefined
  const usage = requestUsage ? `"stream_options":${usageOption},` : ''
  return `{${usage}${start.slice(1, -value.length)}${JSON.stringify(model)}${text.slice(start.length)}`
}

/** How the escape of any letter of `model` begins. */
const escapedLetterStart = '\\u006'
const usageOption = '{"include_usage":true}'

const rebuildRequest = (body: JsonObject, model: string, requestUsage: boolean): string => {
  const { stream_options: options } = body
  const usageOptions = requestUsage
    ? { stream_options: { ...(isObject(options) ? options : {}), include_usage: true } }
    : {}
  return JSON.stringify({ ...body, model, ...usageOptions })
}

/** The edit that makes `include_usage` true and keeps what else stands in `stream_options`; undefined where it is already so. */
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

/** Two members put into an empty object, or before its first one, need a comma between them only once. */
const mergeInsertions = (edits: TextEdit[]): TextEdit[] => {
  const [first, second] = edits
  if (!first || !second || first.start !== first.end || first.start !== second.start || second.start !== second.end)
    return edits
  const comma = first.newText.endsWith(',') ? '' : ','
  return [{ ...first, newText: `${first.newText}${comma}${second.newText}` }]
}

/**
 * Text of a frame → the same with this model. Frames of one stream begin alike, so that the place of the model is looked for once:
 * as long as a frame begins with the very characters of the last one, up to the end of its model, it stands there again.
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
 * A whole answer with another model. Nearly always the vendor's model stands there once, before the choices, and needs no scan of the whole;
 * inside a string it could not stand, for its quotes would be escaped.
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
