/** The golden text of a case: what goes over each wire, one line a frame. */
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'
import { type Answer, steps } from './answer.ts'
import { type Case, question } from './cases.ts'
import {
  type Asker,
  answerStream,
  answerWhole,
  ask,
  askers,
  clientRequest,
  type Lost,
  type Pair,
  pairs,
  type Request,
  refusal,
  type Teller,
  tellers,
} from './pair.ts'

const width = 140

/** JSON on one line where it fits, else a member a line. */
const compact = (value: Json | undefined, indent = ''): string => {
  const line = JSON.stringify(value) ?? 'nothing'
  if (indent.length + line.length <= width || typeof value !== 'object' || value === null) return line
  const inner = `${indent}  `
  if (Array.isArray(value)) return `[\n${value.map(one => inner + compact(one, inner)).join(',\n')}\n${indent}]`
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  return `{\n${members.map(([key, one]) => `${inner}${JSON.stringify(key)}: ${compact(one, inner)}`).join(',\n')}\n${indent}}`
}

/** The name of an event is left out where the frame itself says it. */
const line = ({ event, data }: Frame): string => {
  const body = data.startsWith('{') ? (JSON.parse(data) as Json) : undefined
  const named = event === undefined || (isObject(body) && body.type === event)
  return named ? data : `${event} ${data}`
}

const streamed = (frames: readonly Frame[]): string => frames.map(line).join('\n')
const lostIn = (what: string, lost: readonly Lost[]): string[] =>
  lost.map(({ path, why }) => `${what}: ${path}: ${why}`)

const section = (title: string, ...lines: string[]): string => [`## ${title}`, ...lines, ''].join('\n')

const asked = (one: Case, asker: Asker): string => {
  const { body, unsaid } = clientRequest(asker, one.asks ?? question)
  return section(`${asker.client.id} asks`, compact(body), ...lostIn('cannot say', unsaid))
}

/** What the vendor's stream says before it breaks. */
export const brokenFrames = ({ vendor }: Teller, answer: Answer): Frame[] => {
  const frames = vendor.frames(answer)
  const words = steps(answer)[1]
  const cut = frames.findIndex(({ data }) => words?.does === 'piece' && data.includes(JSON.stringify(words.text)))
  return [...frames.slice(0, cut + 1), ...(vendor.broken ? [vendor.broken] : [])]
}

const answered = (one: Case, teller: Teller): string => {
  const { vendor } = teller
  const title = `${vendor.id} answers`
  if (one.limited) return section(title, compact(vendor.limited as unknown as Json))
  const answer = one.answers!
  if (one.broken) return section(title, streamed(brokenFrames(teller, answer)))
  return section(title, compact(vendor.whole(answer)), '', streamed(vendor.frames(answer)))
}

/** The request of a case between a client and a vendor; `asked` is the client's, which the answer belongs to. */
export const exchanged = (one: Case, pair: Pair): Request & { asked: JsonObject; answer: Answer | undefined } => {
  const { body: asked, unsaid } = clientRequest(pair.asker, one.asks ?? question)
  const answer = unsaid.length > 0 && one.answers ? unfree(one.answers) : one.answers
  return { asked, answer, ...ask(pair, asked, { clientRequest: asked }) }
}

/** Nobody calls a tool of free text that no client could name. */
const unfree = (answer: Answer): Answer => ({
  ...answer,
  said: answer.said.map(one => (one.type === 'call' ? { ...one, free: undefined } : one)) as Answer['said'],
})

/** A short question goes the same way in every case: it is shown where the case is about what is asked. */
const between = (one: Case, pair: Pair): string => {
  const lines: string[] = []
  const { body, error, lost, asked, answer } = exchanged(one, pair)
  if (one.asks) {
    lines.push(error ? `refused: ${error.status} ${error.message}` : compact(body), ...lostIn('lost', lost))
  }
  if (one.limited) lines.push(compact(refusal(pair) as unknown as Json))
  if (answer) lines.push('', ...answersBetween(one, pair, answer, asked))
  return section(`${pair.asker.client.id} → ${pair.teller.vendor.id}`, ...lines)
}

const answersBetween = (one: Case, pair: Pair, answer: Answer, asked: JsonObject): string[] => {
  const { teller } = pair
  const frames = one.broken ? brokenFrames(teller, answer) : teller.vendor.frames(answer)
  const stream = answerStream(pair, frames, { clientRequest: asked })
  const told = [streamed(stream.frames), ...lostIn('lost', stream.lost)]
  if (one.broken) return told
  const whole = answerWhole(pair, teller.vendor.whole(answer), { clientRequest: asked })
  return [compact(whole.error ?? whole.body), ...lostIn('lost', whole.lost), '', ...told]
}

/** The whole golden file of a case. */
export const golden = (one: Case): string => {
  const parts = [
    ...(one.asks ? askers.map(asker => asked(one, asker)) : []),
    ...(one.answers || one.limited ? tellers.map(teller => answered(one, teller)) : []),
    ...pairs.map(pair => between(one, pair)),
  ]
  return `# ${one.title}\n\n${parts.join('\n')}`
}

/** `yes`: all of it; `loss`: with losses; `no`: refused; `unsaid`: the client's protocol has no words for it. */
export type Verdict = { verdict: 'yes' | 'loss' | 'no' | 'unsaid'; words: string[] }

const worded = (lost: readonly Lost[]): string[] => lost.map(({ path, why }) => `\`${path}\`: ${why}`)

/** How a case fares between a client and a vendor. */
export const judge = (one: Case, pair: Pair): Verdict => {
  if (one.limited || one.broken) return { verdict: 'yes', words: [] }
  return one.answers ? judgeAnswer(one, pair) : judgeRequest(one, pair)
}

const judgeRequest = (one: Case, pair: Pair): Verdict => {
  const { body, unsaid } = clientRequest(pair.asker, one.asks ?? question)
  if (unsaid.length > 0) return { verdict: 'unsaid', words: worded(unsaid) }
  const { error, lost } = ask(pair, body)
  if (error) return { verdict: 'no', words: [error.message] }
  return { verdict: lost.length > 0 ? 'loss' : 'yes', words: worded(lost) }
}

/** Whether a body says any of these words. */
export const says = (body: unknown, words: readonly string[]): boolean => {
  const text = JSON.stringify(body)
  return words.some(word => text.includes(word) || text.includes(JSON.stringify(word).slice(1, -1)))
}

const judgeAnswer = (one: Case, pair: Pair): Verdict => {
  const { told = [] } = one
  const { asked, answer = one.answers! } = exchanged(one, pair)
  const { vendor } = pair.teller
  const said = vendor.whole(answer)
  const { body, lost } = answerWhole(pair, said, { clientRequest: asked })
  const streamed = answerStream(pair, vendor.frames(answer), { clientRequest: asked }).lost
  const untold = told.filter(({ words }) => says(said, words) && !says(body, words))
  const words = [...new Set(worded([...lost, ...streamed])), ...untold.map(({ name }) => `no field for ${name}`)]
  return { verdict: words.length > 0 ? 'loss' : 'yes', words }
}
