/** Renders the golden text of a case: what goes over each wire, one line for each frame. */
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'
import { type Case, question } from './cases.ts'
import {
  type ClientSide,
  clientRequest,
  clientSides,
  messageForClient,
  type NotedLoss,
  type Pair,
  pairs,
  type RequestResult,
  refusalForClient,
  requestForVendor,
  streamForClient,
  type VendorSide,
  vendorSides,
} from './pair.ts'
import { type ScriptedAnswer, streamSteps } from './scripted-vendor.ts'

const width = 140

/** Renders JSON on one line if it fits, else one member on each line. */
const compactJson = (value: Json | undefined, indent = ''): string => {
  const oneLine = JSON.stringify(value) ?? 'nothing'
  if (indent.length + oneLine.length <= width || typeof value !== 'object' || value === null) return oneLine
  const inner = `${indent}  `
  if (Array.isArray(value)) return `[\n${value.map(one => inner + compactJson(one, inner)).join(',\n')}\n${indent}]`
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  return `{\n${members.map(([key, one]) => `${inner}${JSON.stringify(key)}: ${compactJson(one, inner)}`).join(',\n')}\n${indent}}`
}

/** Omits the event name if the frame itself contains it. */
const frameLine = ({ event, data }: Frame): string => {
  const body = data.startsWith('{') ? (JSON.parse(data) as Json) : undefined
  const isEventNameRedundant = event === undefined || (isObject(body) && body.type === event)
  return isEventNameRedundant ? data : `${event} ${data}`
}

const renderFrames = (frames: readonly Frame[]): string => frames.map(frameLine).join('\n')
const lossLines = (prefix: string, losses: readonly NotedLoss[]): string[] =>
  losses.map(({ path, why }) => `${prefix}: ${path}: ${why}`)

const section = (title: string, ...lines: string[]): string => [`## ${title}`, ...lines, ''].join('\n')

const requestSection = (testCase: Case, clientSide: ClientSide): string => {
  const { body, unsupported } = clientRequest(clientSide, testCase.request ?? question)
  return section(`${clientSide.client.id} asks`, compactJson(body), ...lossLines('cannot say', unsupported))
}

/** The frames of the vendor's stream until it breaks. */
export const truncatedFrames = ({ vendor }: VendorSide, answer: ScriptedAnswer): Frame[] => {
  const frames = vendor.renderStream(answer)
  const firstPiece = streamSteps(answer)[1]
  const cut = frames.findIndex(
    ({ data }) => firstPiece?.phase === 'piece' && data.includes(JSON.stringify(firstPiece.text)),
  )
  return [...frames.slice(0, cut + 1), ...(vendor.overloadedFrame ? [vendor.overloadedFrame] : [])]
}

const answerSection = (testCase: Case, vendorSide: VendorSide): string => {
  const { vendor } = vendorSide
  const title = `${vendor.id} answers`
  if (testCase.isRateLimited) return section(title, compactJson(vendor.rateLimited as unknown as Json))
  const answer = testCase.answer!
  if (testCase.isBroken) return section(title, renderFrames(truncatedFrames(vendorSide, answer)))
  return section(title, compactJson(vendor.renderMessage(answer)), '', renderFrames(vendor.renderStream(answer)))
}

/** The vendor's request for a case. `clientBody` is the client's request, which the answer belongs to. */
export const requestOfCase = (
  testCase: Case,
  pair: Pair,
): RequestResult & { clientBody: JsonObject; answer: ScriptedAnswer | undefined } => {
  const { body: clientBody, unsupported } = clientRequest(pair.clientSide, testCase.request ?? question)
  const answer = unsupported.length > 0 && testCase.answer ? withoutCustomInput(testCase.answer) : testCase.answer
  return { clientBody, answer, ...requestForVendor(pair, clientBody, { clientRequest: clientBody }) }
}

/** A vendor cannot call a custom tool that no client protocol could define. */
const withoutCustomInput = (answer: ScriptedAnswer): ScriptedAnswer => ({
  ...answer,
  parts: answer.parts.map(part =>
    part.type === 'call' ? { ...part, customInput: undefined } : part,
  ) as ScriptedAnswer['parts'],
})

/** A short question is translated the same way in every case, so the request is shown only if the case is about it. */
const pairSection = (testCase: Case, pair: Pair): string => {
  const lines: string[] = []
  const { body, error, losses: lost, clientBody, answer } = requestOfCase(testCase, pair)
  if (testCase.request) {
    lines.push(error ? `refused: ${error.status} ${error.message}` : compactJson(body), ...lossLines('lost', lost))
  }
  if (testCase.isRateLimited) lines.push(compactJson(refusalForClient(pair) as unknown as Json))
  if (answer) lines.push('', ...pairAnswerLines(testCase, pair, answer, clientBody))
  return section(`${pair.clientSide.client.id} → ${pair.vendorSide.vendor.id}`, ...lines)
}

const pairAnswerLines = (testCase: Case, pair: Pair, answer: ScriptedAnswer, clientBody: JsonObject): string[] => {
  const { vendorSide } = pair
  const frames = testCase.isBroken ? truncatedFrames(vendorSide, answer) : vendorSide.vendor.renderStream(answer)
  const stream = streamForClient(pair, frames, { clientRequest: clientBody })
  const streamLines = [renderFrames(stream.frames), ...lossLines('lost', stream.losses)]
  if (testCase.isBroken) return streamLines
  const message = messageForClient(pair, vendorSide.vendor.renderMessage(answer), { clientRequest: clientBody })
  return [compactJson(message.error ?? message.body), ...lossLines('lost', message.losses), '', ...streamLines]
}

/** The complete golden file of a case. */
export const goldenText = (testCase: Case): string => {
  const parts = [
    ...(testCase.request ? clientSides.map(clientSide => requestSection(testCase, clientSide)) : []),
    ...(testCase.answer || testCase.isRateLimited
      ? vendorSides.map(vendorSide => answerSection(testCase, vendorSide))
      : []),
    ...pairs.map(pair => pairSection(testCase, pair)),
  ]
  return `# ${testCase.title}\n\n${parts.join('\n')}`
}

/** `yes`: everything arrives; `loss`: with losses; `no`: refused; `unsaid`: the client's protocol cannot express it. */
export type Verdict = { verdict: 'yes' | 'loss' | 'no' | 'unsaid'; notes: string[] }

const lossTexts = (losses: readonly NotedLoss[]): string[] => losses.map(({ path, why }) => `\`${path}\`: ${why}`)

/** How well a case survives between a client and a vendor. */
export const judge = (testCase: Case, pair: Pair): Verdict => {
  if (testCase.isRateLimited || testCase.isBroken) return { verdict: 'yes', notes: [] }
  return testCase.answer ? judgeAnswer(testCase, pair) : judgeRequest(testCase, pair)
}

const judgeRequest = (testCase: Case, pair: Pair): Verdict => {
  const { body, unsupported } = clientRequest(pair.clientSide, testCase.request ?? question)
  if (unsupported.length > 0) return { verdict: 'unsaid', notes: lossTexts(unsupported) }
  const { error, losses: lost } = requestForVendor(pair, body)
  if (error) return { verdict: 'no', notes: [error.message] }
  return { verdict: lost.length > 0 ? 'loss' : 'yes', notes: lossTexts(lost) }
}

/** Whether a body contains any of these texts. */
export const containsAny = (body: unknown, texts: readonly string[]): boolean => {
  const text = JSON.stringify(body)
  return texts.some(candidate => text.includes(candidate) || text.includes(JSON.stringify(candidate).slice(1, -1)))
}

const judgeAnswer = (testCase: Case, pair: Pair): Verdict => {
  const { answerTexts = [] } = testCase
  const { clientBody, answer = testCase.answer! } = requestOfCase(testCase, pair)
  const { vendor } = pair.vendorSide
  const vendorBody = vendor.renderMessage(answer)
  const { body, losses: lost } = messageForClient(pair, vendorBody, { clientRequest: clientBody })
  const streamLosses = streamForClient(pair, vendor.renderStream(answer), { clientRequest: clientBody }).losses
  const missing = answerTexts.filter(({ texts: notes }) => containsAny(vendorBody, notes) && !containsAny(body, notes))
  const notes = [
    ...new Set(lossTexts([...lost, ...streamLosses])),
    ...missing.map(({ name }) => `no field for ${name}`),
  ]
  return { verdict: notes.length > 0 ? 'loss' : 'yes', notes }
}
