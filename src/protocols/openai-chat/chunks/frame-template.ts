/**
 * What upstream/likeness.ts does for single frames, for several that came at once: one that differs from a frame which passed unchanged in
 * nothing but its word passes as that one did, without being read again.
 */
import { isObject, type JsonObject } from '../../../base/json/json.ts'

export type ChunkTemplate = {
  /** `body` of `data` went out unchanged as `out`: remember what it looks like. */
  capture: (data: string, body: JsonObject, out: string) => void
  /** What goes out for `data`, if it is like the last one learnt. */
  match: (data: string) => string | undefined
  forget: () => void
}

/** Where the word stands: in what came and in what went out. */
type Pattern = { prefix: string; suffix: string; outPrefix: string; outSuffix: string }

export const createChunkTemplate = (): ChunkTemplate => {
  let pattern: Pattern | undefined
  return {
    capture(data, body, out) {
      pattern = patternOf(data, body, out)
    },
    match: data => pattern && renderFromPattern(pattern, data),
    forget() {
      pattern = undefined
    },
  }
}

const BACKSLASH = 92

const renderFromPattern = ({ prefix, suffix, outPrefix, outSuffix }: Pattern, data: string): string | undefined => {
  const end = data.length - suffix.length
  if (end < prefix.length || !data.startsWith(prefix) || !data.endsWith(suffix)) return undefined
  // The word ends at the first quote, and that is where the tail begins; one with a quote in it is read the long way.
  if (data.indexOf('"', prefix.length) !== end || data.charCodeAt(end - 1) === BACKSLASH) return undefined
  return outPrefix + data.slice(prefix.length, end) + outSuffix
}

const patternOf = (data: string, body: JsonObject, out: string): Pattern | undefined => {
  const textDelta = textDeltaOf(body)
  if (textDelta === undefined || data.includes('\n')) return undefined
  for (const colon of [':', ': ']) {
    const textStart = `"${textDelta.key}"${colon}"`
    const encodedText = `${textStart}${JSON.stringify(textDelta.text).slice(1)}`
    const at = onlyOccurrence(data, encodedText)
    const outAt = onlyOccurrence(out, encodedText)
    if (at < 0 || outAt < 0) continue
    const closingQuoteAt = encodedText.length - 1
    return {
      prefix: data.slice(0, at + textStart.length),
      suffix: data.slice(at + closingQuoteAt),
      outPrefix: out.slice(0, outAt + textStart.length),
      outSuffix: out.slice(outAt + closingQuoteAt),
    }
  }
  return undefined
}

/** The one word of a frame that says nothing else: no finish, no usage, no call. */
export const textDeltaOf = ({ choices, usage }: JsonObject): { key: string; text: string } | undefined => {
  if (!Array.isArray(choices) || choices.length !== 1 || isObject(usage)) return undefined
  const [choice] = choices
  if (!isObject(choice) || !isObject(choice.delta) || typeof choice.finish_reason === 'string') return undefined
  const { delta } = choice
  const nonEmptyKeys = Object.keys(delta).filter(key => key !== 'role' && delta[key] !== null && delta[key] !== '')
  const [key = ''] = nonEmptyKeys
  const text = delta[key]
  const isTextOnly =
    nonEmptyKeys.length === 1 && (key === 'content' || key === 'reasoning_content') && typeof text === 'string'
  return isTextOnly ? { key, text } : undefined
}

/** Where a part stands in a text; -1 where it does not, or twice. */
export const onlyOccurrence = (text: string, searched: string): number => {
  const at = text.indexOf(searched)
  return at >= 0 && text.indexOf(searched, at + 1) < 0 ? at : -1
}
