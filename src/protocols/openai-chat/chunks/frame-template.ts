/**
 * What upstream/likeness.ts does for single frames, for several that came at once: one that differs from a frame which passed unchanged in
 * nothing but its word passes as that one did, without being read again.
 */
import { isObject, type JsonObject } from '../../../base/json/json.ts'

export type ChunkTemplate = {
  /** `body` of `data` went out unchanged as `out`: remember what it looks like. */
  learn: (data: string, body: JsonObject, out: string) => void
  /** What goes out for `data`, if it is like the last one learnt. */
  recall: (data: string) => string | undefined
  forget: () => void
}

/** Where the word stands: in what came and in what went out. */
type Pattern = { head: string; tail: string; outHead: string; outTail: string }

export const createChunkTemplate = (): ChunkTemplate => {
  let pattern: Pattern | undefined
  return {
    learn(data, body, out) {
      pattern = patternOf(data, body, out)
    },
    recall: data => pattern && wordPut(pattern, data),
    forget() {
      pattern = undefined
    },
  }
}

const BACKSLASH = 92

const wordPut = ({ head, tail, outHead, outTail }: Pattern, data: string): string | undefined => {
  const end = data.length - tail.length
  if (end < head.length || !data.startsWith(head) || !data.endsWith(tail)) return undefined
  // The word ends at the first quote, and that is where the tail begins; one with a quote in it is read the long way.
  if (data.indexOf('"', head.length) !== end || data.charCodeAt(end - 1) === BACKSLASH) return undefined
  return outHead + data.slice(head.length, end) + outTail
}

const patternOf = (data: string, body: JsonObject, out: string): Pattern | undefined => {
  const said = textDeltaOf(body)
  if (said === undefined || data.includes('\n')) return undefined
  for (const colon of [':', ': ']) {
    const before = `"${said.key}"${colon}"`
    const word = `${before}${JSON.stringify(said.word).slice(1)}`
    const at = onlyOccurrence(data, word)
    const outAt = onlyOccurrence(out, word)
    if (at < 0 || outAt < 0) continue
    const tailAt = word.length - 1
    return {
      head: data.slice(0, at + before.length),
      tail: data.slice(at + tailAt),
      outHead: out.slice(0, outAt + before.length),
      outTail: out.slice(outAt + tailAt),
    }
  }
  return undefined
}

/** The one word of a frame that says nothing else: no finish, no usage, no call. */
export const textDeltaOf = ({ choices, usage }: JsonObject): { key: string; word: string } | undefined => {
  if (!Array.isArray(choices) || choices.length !== 1 || isObject(usage)) return undefined
  const [choice] = choices
  if (!isObject(choice) || !isObject(choice.delta) || typeof choice.finish_reason === 'string') return undefined
  const { delta } = choice
  const told = Object.keys(delta).filter(key => key !== 'role' && delta[key] !== null && delta[key] !== '')
  const [key = ''] = told
  const word = delta[key]
  const isWord = told.length === 1 && (key === 'content' || key === 'reasoning_content') && typeof word === 'string'
  return isWord ? { key, word } : undefined
}

/** Where a part stands in a text; -1 where it does not, or twice. */
export const onlyOccurrence = (text: string, part: string): number => {
  const at = text.indexOf(part)
  return at >= 0 && text.indexOf(part, at + 1) < 0 ? at : -1
}
