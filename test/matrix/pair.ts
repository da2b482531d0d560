/** One case between one client and one vendor, told as the gateway would: passed where both speak the same, else through the neutral form. */
import { asGatewayError, GatewayError } from '../../src/base/errors.ts'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Chat, MediaPart, Part } from '../../src/ir/chat.ts'
import type { Egress, Exchange, Frame, Protocol } from '../../src/protocols/protocol.ts'
import { egressOnly, protocols } from '../../src/protocols/registry.ts'
import { dropEmptyTurns } from '../../src/protocols/shared/drop-empty-turns.ts'
import { pairToolResults } from '../../src/protocols/shared/pair-tool-results.ts'
import { restoreThoughts } from '../../src/protocols/shared/thought-memory.ts'
import { translateMessage, translateStream } from '../../src/protocols/shared/translate.ts'
import { sseFraming } from '../../src/upstream/framing/sse.ts'
import type { Vendor } from './answer.ts'
import { type Asked, fetched } from './cases.ts'
import type { Client } from './client.ts'
import { anthropic } from './clients/anthropic.ts'
import { gemini } from './clients/gemini.ts'
import { openaiChat } from './clients/openai-chat.ts'
import { openaiResponses } from './clients/openai-responses.ts'
import { byHand } from './hand.ts'
import { anthropic as anthropicVendor } from './vendors/anthropic.ts'
import { bedrockConverse } from './vendors/bedrock-converse.ts'
import { gemini as geminiVendor } from './vendors/gemini.ts'
import { openaiChat as openaiChatVendor } from './vendors/openai-chat.ts'
import { openaiResponses as openaiResponsesVendor } from './vendors/openai-responses.ts'

const scriptedClients: Client[] = [openaiChat, openaiResponses, anthropic, gemini]
const scriptedVendors: Vendor[] = [
  openaiChatVendor,
  openaiResponsesVendor,
  anthropicVendor,
  geminiVendor,
  bedrockConverse,
]

export type Asker = { protocol: Protocol; client: Client }
export type Teller = { egress: Egress; vendor: Vendor }

const scripted = <Role extends { id: string }>(roles: readonly Role[], id: string): Role => {
  const found = roles.find(role => role.id === id)
  if (!found) throw new Error(`"${id}" is registered and has no script in test/matrix`)
  return found
}

/** Every protocol that is registered; one without a script is an error. */
export const askers: readonly Asker[] = [...protocols.values()].map(protocol => ({
  protocol,
  client: scripted(scriptedClients, protocol.id),
}))
export const tellers: readonly Teller[] = [...protocols.values(), ...egressOnly.values()].map(egress => ({
  egress,
  vendor: scripted(scriptedVendors, egress.id),
}))
export const pairs = askers.flatMap(asker => tellers.map(teller => ({ asker, teller })))

export type Lost = { path: string; why: string }

/** What the client calls the model. */
export const clientModel = 'client-model'

export const exchangeOf = ({ protocol }: Asker, lost: Lost[], more: Partial<Exchange> = {}): Exchange => ({
  id: `${protocol.idPrefix}0123456789abcdef`,
  created: 1_760_000_000,
  model: clientModel,
  sealOrigin: 'vendor.target',
  usageRequested: true,
  loss: (path, why) => {
    if (!lost.some(one => one.path === path && one.why === why)) lost.push({ path, why })
  },
  redact: text => text,
  ...more,
})

/** The case as this client asks it, in its own words; `unsaid`: what the client's protocol has no words for. */
export const clientRequest = (asker: Asker, asked: Asked): { body: JsonObject; unsaid: Lost[] } => {
  const unsaid: Lost[] = []
  const written = asked.byHand === undefined ? undefined : byHand[asker.client.id]?.[asked.byHand]
  if (written) return { body: structuredClone(written), unsaid }
  const { model } = scripted(scriptedVendors, asker.client.id)
  const { byHand: _, ...neutral } = structuredClone(asked)
  const chat: Chat = { ...neutral, model, stream: false }
  const said = localised(chat, asker.protocol.acceptsUrl)
  const body = JSON.parse(writeJson(asker.protocol.renderRequest(said, exchangeOf(asker, unsaid)))) as JsonObject
  return { body: body.model === undefined ? body : { ...body, model: clientModel }, unsaid }
}

export type Request = { body?: JsonObject; error?: GatewayError; lost: Lost[] }

/** A client's request as the vendor gets it. Only a refusal is an answer to a request: anything else that is thrown is a fault of ours. */
export const ask = ({ asker, teller }: Pair, body: JsonObject, more: Partial<Exchange> = {}): Request => {
  const lost: Lost[] = []
  const exchange = exchangeOf(asker, lost, more)
  try {
    asker.protocol.checkRequest(body)
    return { body: requestFor(asker.protocol, teller, body, exchange), lost }
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return { error: asGatewayError(thrown), lost }
  }
}

export type Pair = { asker: Asker; teller: Teller }

const requestFor = (
  ingress: Protocol,
  { egress, vendor }: Teller,
  body: JsonObject,
  exchange: Exchange,
): JsonObject => {
  if (ingress.id === egress.id) {
    const text = ingress.passthrough.writeRequest(JSON.stringify(body), body, {
      model: vendor.model,
      requestUsage: false,
    })
    return JSON.parse(text) as JsonObject
  }
  const parsed = ingress.parseRequest(body, exchange.loss)
  const whole = exchange.seals ? restoreThoughts(parsed, exchange.seals) : parsed
  const spoken = dropEmptyTurns(whole.turns, egress.id, 'messages', exchange.loss)
  const chat = { ...whole, turns: pairToolResults(spoken, exchange.loss) }
  const rendered = egress.renderRequest({ ...localised(chat, egress.acceptsUrl), model: vendor.model }, exchange)
  return JSON.parse(writeJson(rendered)) as JsonObject
}

/** The gateway fetches what stands behind addresses before it asks a vendor that wants bytes. */
const localised = (chat: Chat, takesUrl: (media: MediaPart) => boolean): Chat => {
  const near = (part: Part): Part => {
    if (part.type === 'result') return { ...part, parts: part.parts.map(near) }
    if (part.type !== 'media' || !('url' in part.source) || takesUrl(part)) return part
    return { ...part, mime: fetched.mime, source: { data: fetched.data } }
  }
  return { ...chat, turns: chat.turns.map(turn => ({ ...turn, parts: turn.parts.map(near) })) }
}

export type Whole = { body?: JsonObject; error?: Told; lost: Lost[] }
export type Streamed = { frames: Frame[]; error?: Told; lost: Lost[] }
type Told = { status: number; body: Json }

const toldBy = ({ protocol }: Asker, thrown: unknown): Told => {
  if (!(thrown instanceof GatewayError)) throw thrown
  return { status: thrown.status, body: protocol.renderError(thrown) }
}

/** A vendor's whole answer as the client gets it. */
export const answerWhole = ({ asker, teller }: Pair, body: Json, more: Partial<Exchange> = {}): Whole => {
  const lost: Lost[] = []
  const exchange = exchangeOf(asker, lost, more)
  const { protocol } = asker
  const text = JSON.stringify(body)
  try {
    const told =
      protocol.id === teller.egress.id
        ? protocol.passthrough.passMessage(text, exchange).text
        : translateMessage(protocol, teller.egress, text, exchange).body
    return { body: JSON.parse(told) as JsonObject, lost }
  } catch (thrown) {
    return { error: toldBy(asker, thrown), lost }
  }
}

/** A vendor's stream as the client gets it; a fault in it as the frames it ends in. */
export const answerStream = (
  { asker, teller }: Pair,
  frames: readonly Frame[],
  more: Partial<Exchange> = {},
): Streamed => {
  const lost: Lost[] = []
  const exchange = exchangeOf(asker, lost, more)
  const { protocol } = asker
  const pipe =
    protocol.id === teller.egress.id
      ? protocol.passthrough.pipeStream(exchange)
      : translateStream(protocol, teller.egress, exchange)
  let text = ''
  for (const frame of frames) {
    if (!pipe.state.fault && !pipe.state.finished) text += pipe.push(frame)
  }
  if (!pipe.state.fault) text += pipe.end()
  if (pipe.state.fault) text += pipe.fail(pipe.state.fault)
  return { frames: framesOf(text), lost }
}

/** A vendor's refusal as the client gets it. */
export const refusal = ({ asker, teller }: Pair): Told & { retryAfter?: number } => {
  const { status, headers = {}, body } = teller.vendor.limited
  const error = teller.egress.parseError(status, new Headers(headers), JSON.stringify(body), { redact: text => text })
  const { retryAfter } = error.detail
  return { ...toldBy(asker, error), ...(retryAfter !== undefined && { retryAfter }) }
}

export const framesOf = (text: string): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  reader.push(new TextEncoder().encode(text))
  reader.end()
  return frames
}
