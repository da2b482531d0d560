/**
 * Recognises a chunk that differs from the last unchanged chunk in nothing but its text delta, and renders it without
 * parsing it. upstream/frame-template.ts does the same for a piece that holds a single frame; this file serves pieces
 * that hold several frames.
 */
import { isObject, type JsonObject } from '../../../base/json/json.ts'

/** Remembers one chunk, and renders chunks that differ from it only in their text. */
type ChunkTemplate = {
  /** Remembers the shape of `data` after its parsed form `body` was sent unchanged as `out`. */
  capture: (data: string, body: JsonObject, out: string) => void
  /** Returns the text to send for `data` if it matches the captured chunk, or undefined. */
  match: (data: string) => string | undefined
  forget: () => void
}

/** What surrounds the text delta, in the received data and in the text that was sent. */
type Pattern = { prefix: string; suffix: string; outPrefix: string; outSuffix: string }

/** Creates an empty template. */
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
  // The text ends at the first quote, where the suffix must begin. A text that contains a quote takes the normal path.
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

/** Returns the text delta of a chunk that carries nothing else: no finish, no usage, no call. */
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

/** Returns the position of `searched` in `text`, or -1 if it is missing or occurs twice. */
export const onlyOccurrence = (text: string, searched: string): number => {
  const at = text.indexOf(searched)
  return at >= 0 && text.indexOf(searched, at + 1) < 0 ? at : -1
}
