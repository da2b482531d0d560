/**
 * One case between one client and one vendor, processed as the gateway does: passthrough if both speak the same
 * protocol, else translated through the neutral form.
 */
import { asGatewayError, GatewayError } from '../../src/base/errors.ts'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Chat, MediaPart, Part } from '../../src/ir/chat.ts'
import type { Egress, Exchange, Frame, Protocol } from '../../src/protocols/protocol.ts'
import { protocols, vendorProtocols } from '../../src/protocols/registry.ts'
import { dropEmptyTurns } from '../../src/protocols/shared/drop-empty-turns.ts'
import { pairToolResults } from '../../src/protocols/shared/pair-tool-results.ts'
import { restoreThoughts } from '../../src/protocols/shared/thought-memory.ts'
import { translateMessage, translateStream } from '../../src/protocols/shared/translate.ts'
import { sseFraming } from '../../src/upstream/framing/sse.ts'
import { type CaseRequest, fetchedImage } from './cases.ts'
import { anthropic } from './clients/anthropic.ts'
import { gemini } from './clients/gemini.ts'
import { openaiChat } from './clients/openai-chat.ts'
import { openaiResponses } from './clients/openai-responses.ts'
import { handwrittenRequests } from './handwritten-requests.ts'
import type { Client } from './scripted-client.ts'
import type { Vendor } from './scripted-vendor.ts'
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

export type ClientSide = { protocol: Protocol; client: Client }
export type VendorSide = { egress: Egress; vendor: Vendor }

const scriptFor = <Role extends { id: string }>(roles: readonly Role[], id: string): Role => {
  const found = roles.find(role => role.id === id)
  if (!found) throw new Error(`"${id}" is registered and has no script in test/matrix`)
  return found
}

/** Every registered protocol. @throws Error for a protocol without a script. */
export const clientSides: readonly ClientSide[] = [...protocols.values()].map(protocol => ({
  protocol,
  client: scriptFor(scriptedClients, protocol.id),
}))
export const vendorSides: readonly VendorSide[] = [...vendorProtocols.values()]
  .filter(vendor => vendor.kind === 'chat')
  .map(egress => ({ egress, vendor: scriptFor(scriptedVendors, egress.id) }))
export const pairs = clientSides.flatMap(clientSide => vendorSides.map(vendorSide => ({ clientSide, vendorSide })))

export type NotedLoss = { path: string; why: string }

/** The model name that the client uses. */
export const clientModel = 'client-model'

export const exchangeFor = ({ protocol }: ClientSide, losses: NotedLoss[], more: Partial<Exchange> = {}): Exchange => ({
  id: `${protocol.idPrefix}0123456789abcdef`,
  created: 1_760_000_000,
  model: clientModel,
  sealOrigin: 'vendor.target',
  usageRequested: true,
  loss: (path, why) => {
    if (!losses.some(one => one.path === path && one.why === why)) losses.push({ path, why })
  },
  redact: text => text,
  ...more,
})

/** The request of a case in the client's protocol. `unsupported`: what that protocol cannot express. */
export const clientRequest = (
  clientSide: ClientSide,
  request: CaseRequest,
): { body: JsonObject; unsupported: NotedLoss[] } => {
  const unsupported: NotedLoss[] = []
  const handwritten =
    request.handwritten === undefined ? undefined : handwrittenRequests[clientSide.client.id]?.[request.handwritten]
  if (handwritten) return { body: structuredClone(handwritten), unsupported }
  const { model } = scriptFor(scriptedVendors, clientSide.client.id)
  const { handwritten: _, ...neutral } = structuredClone(request)
  const chat: Chat = { ...neutral, model, stream: false }
  const inlined = inlineMedia(chat, clientSide.protocol.acceptsUrl)
  const body = JSON.parse(
    writeJson(clientSide.protocol.renderRequest(inlined, exchangeFor(clientSide, unsupported))),
  ) as JsonObject
  return { body: body.model === undefined ? body : { ...body, model: clientModel }, unsupported }
}

export type RequestResult = { body?: JsonObject; error?: GatewayError; losses: NotedLoss[] }

/**
 * A client's request as the vendor gets it. A GatewayError is a refusal of the request; anything else is a bug and is
 * thrown.
 */
export const requestForVendor = (
  { clientSide, vendorSide }: Pair,
  body: JsonObject,
  more: Partial<Exchange> = {},
): RequestResult => {
  const losses: NotedLoss[] = []
  const exchange = exchangeFor(clientSide, losses, more)
  try {
    clientSide.protocol.checkRequest(body)
    return { body: convertRequest(clientSide.protocol, vendorSide, body, exchange), losses }
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return { error: asGatewayError(thrown), losses }
  }
}

export type Pair = { clientSide: ClientSide; vendorSide: VendorSide }

const convertRequest = (
  ingress: Protocol,
  { egress, vendor }: VendorSide,
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
  const restored = exchange.seals ? restoreThoughts(parsed, exchange.seals) : parsed
  const nonEmptyTurns = dropEmptyTurns(restored.turns, egress.id, 'messages', exchange.loss)
  const chat = { ...restored, turns: pairToolResults(nonEmptyTurns, exchange.loss) }
  const rendered = egress.renderRequest({ ...inlineMedia(chat, egress.acceptsUrl), model: vendor.model }, exchange)
  return JSON.parse(writeJson(rendered)) as JsonObject
}

/** The gateway fetches media URLs before it asks a vendor that needs bytes. */
const inlineMedia = (chat: Chat, acceptsUrl: (media: MediaPart) => boolean): Chat => {
  const inlinePart = (part: Part): Part => {
    if (part.type === 'result') return { ...part, parts: part.parts.map(inlinePart) }
    if (part.type !== 'media' || !('url' in part.source) || acceptsUrl(part)) return part
    return { ...part, mime: fetchedImage.mime, source: { data: fetchedImage.data } }
  }
  return { ...chat, turns: chat.turns.map(turn => ({ ...turn, parts: turn.parts.map(inlinePart) })) }
}

export type MessageResult = { body?: JsonObject; error?: RenderedError; losses: NotedLoss[] }
export type StreamResult = { frames: Frame[]; error?: RenderedError; losses: NotedLoss[] }
type RenderedError = { status: number; body: Json }

const renderError = ({ protocol }: ClientSide, thrown: unknown): RenderedError => {
  if (!(thrown instanceof GatewayError)) throw thrown
  return { status: thrown.status, body: protocol.renderError(thrown) }
}

/** A vendor's non-streamed answer as the client gets it. */
export const messageForClient = (
  { clientSide, vendorSide }: Pair,
  body: Json,
  more: Partial<Exchange> = {},
): MessageResult => {
  const losses: NotedLoss[] = []
  const exchange = exchangeFor(clientSide, losses, more)
  const { protocol } = clientSide
  const text = JSON.stringify(body)
  try {
    const clientText =
      protocol.id === vendorSide.egress.id
        ? protocol.passthrough.passMessage(text, exchange).text
        : translateMessage(protocol, vendorSide.egress, text, exchange).body
    return { body: JSON.parse(clientText) as JsonObject, losses }
  } catch (thrown) {
    return { error: renderError(clientSide, thrown), losses }
  }
}

/** A vendor's stream as the client gets it. An error inside it becomes the frames the stream ends in. */
export const streamForClient = (
  { clientSide, vendorSide }: Pair,
  frames: readonly Frame[],
  more: Partial<Exchange> = {},
): StreamResult => {
  const losses: NotedLoss[] = []
  const exchange = exchangeFor(clientSide, losses, more)
  const { protocol } = clientSide
  const pipe =
    protocol.id === vendorSide.egress.id
      ? protocol.passthrough.pipeStream(exchange)
      : translateStream(protocol, vendorSide.egress, exchange)
  let text = ''
  for (const frame of frames) {
    if (!pipe.state.fault && !pipe.state.finished) text += pipe.push(frame)
  }
  if (!pipe.state.fault) text += pipe.end()
  if (pipe.state.fault) text += pipe.fail(pipe.state.fault)
  return { frames: parseFrames(text), losses }
}

/** A vendor's refusal as the client gets it. */
export const refusalForClient = ({ clientSide, vendorSide }: Pair): RenderedError & { retryAfter?: number } => {
  const { status, headers = {}, body } = vendorSide.vendor.rateLimited
  const error = vendorSide.egress.parseError(status, new Headers(headers), JSON.stringify(body), {
    redact: text => text,
  })
  const { retryAfter } = error.detail
  return { ...renderError(clientSide, error), ...(retryAfter !== undefined && { retryAfter }) }
}

export const parseFrames = (text: string): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  reader.push(new TextEncoder().encode(text))
  reader.end()
  return frames
}
