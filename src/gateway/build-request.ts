/** Builds the request for the vendor: the body (passed, patched or translated), the headers and the signature. */
import { GatewayError } from '../base/errors.ts'
import { preserveExactNumbers } from '../base/json/exact-numbers.ts'
import { type JsonObject, withMembers } from '../base/json/json.ts'
import { writeJson } from '../base/json/raw.ts'
import type { JsonBody } from '../downstream/json-body.ts'
import type { Chat, ProtocolId } from '../ir/chat.ts'
import { hasUrls, inlineUrls } from '../media/inline-urls.ts'
import type { CallReasoning, Egress, Exchange, Ingress, NoteLoss } from '../protocols/protocol.ts'
import { type ClientProtocol, type VendorProtocol, vendorProtocolOf } from '../protocols/registry.ts'
import { dropEmptyTurns } from '../protocols/shared/drop-empty-turns.ts'
import { pairToolResults } from '../protocols/shared/pair-tool-results.ts'
import { restoreThoughts } from '../protocols/shared/thought-memory.ts'
import { untranslatable } from '../protocols/shared/translate.ts'
import { type AnyUnaryEgress, type AnyUnaryIngress, translateUnaryRequest } from '../protocols/shared/unary.ts'
import type { Target } from '../providers/entry.ts'
import type { TokenFetch, UpstreamRequest, Wire } from '../providers/provider.ts'
import { chooseProtocol, urlOf, wireOf } from '../providers/resolve-url.ts'
import type { Payload } from '../upstream/call.ts'
import type { ClientRequest } from './client-request.ts'
import { upstreamHeaders } from './upstream-headers.ts'
import { refuseForeignFiles } from './vendor-files.ts'

/** The request to send, and the protocol in which the response will come. */
export type PreparedRequest = {
  upstreamRequest: UpstreamRequest
  payload: Payload
  wire: Wire
  vendorProtocol: ProtocolId
  /** The response may contain tool calls whose reasoning must be sent back with a later request. */
  shouldRememberThoughts: boolean
}

/** What the steps of building one request share. */
type BuildContext<Request extends ClientRequest = ClientRequest> = {
  clientRequest: Request
  target: Target
  wire: Wire
  /** The protocol in which the target is called. */
  vendor: VendorProtocol
  exchange: Exchange
}

/**
 * Prepares the request for one target.
 * @throws GatewayError `invalid_request` if the request cannot be expressed in the target's protocol
 */
export const prepareRequest = async (
  clientRequest: ClientRequest,
  target: Target,
  exchange: Exchange,
  fetchToken: TokenFetch,
): Promise<PreparedRequest> => {
  const wire = requireWire(target)
  const vendorProtocol = chooseProtocol(target, clientRequest.protocol.id)
  const vendor = vendorProtocolOf(vendorProtocol)
  const { payload, length } = await buildBody({ clientRequest, target, wire, vendor, exchange })
  const upstreamRequest: UpstreamRequest = {
    url: urlOf(target, vendorProtocol, clientRequest),
    headers: upstreamHeaders(clientRequest, target, vendorProtocol, length),
    body: typeof payload === 'string' ? payload : undefined,
  }
  const { json, protocol } = clientRequest
  const mayAnswerWithCalls = json !== undefined && protocol.reader.offersTools(json.body)
  const shouldRememberThoughts = mayAnswerWithCalls && callReasoningOf(wire, vendor) !== undefined
  await wire.sign(upstreamRequest, target, fetchToken)
  return { upstreamRequest, payload, wire, vendorProtocol, shouldRememberThoughts }
}

/** @throws GatewayError `internal` if the target's form of the vendor is not supported */
export const requireWire = (target: Target): Wire => {
  const found = wireOf(target.entry)
  if ('unsupported' in found)
    throw new GatewayError('internal', `service "${target.entry.id}" has a type that is not supported`)
  return found.wire
}

type RequestBody = { payload: Payload; length?: number | undefined }

/**
 * Writes the body in one of three ways. Pass: the client's bytes with the model replaced. Patch: the same protocol,
 * corrected for the vendor. Translate: through the IR.
 */
const buildBody = async (context: BuildContext): Promise<RequestBody> => {
  const { clientRequest, target, wire, vendor } = context
  const isSameProtocol = vendor.id === clientRequest.protocol.id
  if (clientRequest.upload && !isSameProtocol)
    throw new GatewayError('invalid_request', 'the target takes no form here: the body must be JSON')
  if (clientRequest.upload) return clientRequest.upload.write(target.model, target.entry.params)
  const jsonContext = { ...context, clientRequest }
  const isPassed = isSameProtocol && !needsInlineMedia(clientRequest.protocol, clientRequest.json, wire)
  return { payload: isPassed ? passBody(jsonContext) : await translateBody(jsonContext) }
}

type JsonRequest = ClientRequest & { json: JsonBody }
type JsonContext = BuildContext<JsonRequest>

/** Passes the client's body, with the model replaced and what the vendor wants changed. */
const passBody = (context: JsonContext): string => {
  const { clientRequest, target, wire, vendor, exchange } = context
  const { json, protocol, headers } = clientRequest
  const passed = protocol.passthrough.writeRequest(json.text, json.body, {
    model: target.model,
    requestUsage: exchange.requestUsage === true,
  })
  const patchRequest = wire.patchRequest?.[vendor.id]
  const callReasoning = callReasoningOf(wire, vendor)
  const shouldRestoreReasoning = callReasoning?.mayHaveCalls(json.text) === true
  const shouldRemoveUsage = clientRequest.usageRequested && exchange.requestUsage === false
  const changes = {
    ...(shouldRemoveUsage && vendor.usageOption?.removal),
    ...topLevelChanges(json.body, context, headers),
  }
  if (!patchRequest && !shouldRestoreReasoning) return wrapBody(applyChanges(passed, changes), wire, vendor.id)
  const patched = parseBody(passed)
  if (shouldRestoreReasoning) callReasoning.restore(patched, exchange.seals)
  Object.assign(patched, changes)
  patchRequest?.(patched, exchange.loss, target, headers)
  return wrapBody(JSON.stringify(patched), wire, vendor.id)
}

/**
 * The changes to the top-level fields of a body: first the entry's `params`, then the vendor's own patch.
 * @param clientHeaders the headers of a client that speaks the vendor's protocol
 */
const topLevelChanges = (
  body: JsonObject,
  { target, wire, vendor, exchange }: BuildContext,
  clientHeaders?: Headers,
): JsonObject => {
  const params = target.entry.params as JsonObject
  const patchTopLevel = wire.patchTopLevel?.[vendor.id]
  return patchTopLevel
    ? { ...params, ...patchTopLevel({ ...body, ...params }, exchange.loss, target, clientHeaders) }
    : params
}

const applyChanges = (text: string, changes: JsonObject): string =>
  Object.keys(changes).length === 0
    ? text
    : (withMembers(text, changes) ?? JSON.stringify({ ...parseBody(text), ...changes }))

const parseBody = (text: string): JsonObject => preserveExactNumbers(text, JSON.parse(text) as JsonObject)

const wrapBody = (text: string, wire: Wire, vendorProtocol: ProtocolId): string =>
  wire.wrap?.[vendorProtocol]?.(text) ?? text

/** Translates between two protocols of one kind. */
const translateBody = async (context: JsonContext): Promise<string> => {
  const { vendor, clientRequest } = context
  const { protocol } = clientRequest
  if (protocol.kind === 'chat' && vendor.kind === 'chat') return translateChat(protocol, vendor, context)
  if (protocol.kind === 'unary' && vendor.kind === 'unary') return translateUnary(protocol, vendor, context)
  throw untranslatable(protocol.id, vendor.id)
}

/** Translates a unary request (embeddings, rerank) and returns it as JSON. */
const translateUnary = (ingress: AnyUnaryIngress, egress: AnyUnaryEgress, context: JsonContext): string => {
  const { clientRequest, target, wire, exchange } = context
  const rendered = translateUnaryRequest(ingress, egress, clientRequest.json.body, target.model, exchange.loss)
  Object.assign(rendered, target.entry.params)
  wire.patchRequest?.[egress.id]?.(rendered, exchange.loss, target)
  return writeJson(rendered)
}

/** Translates a chat through the IR. If the vendor does not fetch URLs, the gateway fetches the files first. */
const translateChat = async (ingress: Ingress, egress: Egress, context: JsonContext): Promise<string> => {
  const { clientRequest, target, wire, exchange } = context
  const { json, headers, stream, media } = clientRequest
  const isSameProtocol = egress.id === ingress.id
  if (!isSameProtocol) refuseSeveralAnswers(ingress, json.body)
  const parsed = ingress.parseRequest(preserveExactNumbers(json.text, json.body), exchange.loss)
  const restored = exchange.seals ? restoreThoughts(parsed, exchange.seals) : parsed
  const chat = isSameProtocol ? restored : normalizeChat(restored, ingress, egress, json.body, exchange.loss)
  const acceptsUrl = wire.requiresInlineMedia?.includes(egress.id) ? undefined : egress.acceptsUrl
  const resolved = hasUrls(chat, acceptsUrl) ? await inlineUrls(chat, media, acceptsUrl) : chat
  const body = egress.renderRequest({ ...resolved, model: target.model, stream }, exchange)
  callReasoningOf(wire, egress)?.restore(body, exchange.seals)
  const clientHeaders = isSameProtocol ? headers : undefined
  if (!isSameProtocol) wire.trimTranslated?.[egress.id]?.(body, exchange.loss, target)
  Object.assign(body, topLevelChanges(body, context, clientHeaders))
  wire.patchRequest?.[egress.id]?.(body, exchange.loss, target, clientHeaders)
  return wrapBody(writeJson(body), wire, egress.id)
}

/**
 * Prepares a chat of another protocol so that every vendor accepts it: no empty turns, and a result for every tool
 * call.
 * @throws GatewayError `invalid_request` if the chat contains files that only another vendor can read
 */
const normalizeChat = (chat: Chat, { turnsField }: Ingress, egress: Egress, body: JsonObject, loss: NoteLoss): Chat => {
  refuseForeignFiles(chat, egress, body)
  return { ...chat, turns: pairToolResults(dropEmptyTurns(chat.turns, egress.id, turnsField, loss), loss) }
}

/** True if the request could be passed, but names files by URL that the vendor does not fetch. */
const needsInlineMedia = (protocol: ClientProtocol, { text, body }: JsonBody, wire: Wire): boolean =>
  protocol.kind === 'chat' &&
  wire.requiresInlineMedia?.includes(protocol.id) === true &&
  protocol.mayNameUrls?.(text) !== false &&
  hasUrls(protocol.parseRequest(body, () => undefined))

/** How reasoning is restored, if the vendor requires it. */
const callReasoningOf = (wire: Wire, vendor: VendorProtocol): CallReasoning | undefined =>
  wire.requiresReasoning === true && vendor.kind === 'chat' ? vendor.callReasoning : undefined

/** @throws GatewayError `invalid_request` if the request asks for several answers, which cannot be translated */
const refuseSeveralAnswers = (ingress: Ingress, body: JsonObject): void => {
  const { param, count } = ingress.answerCount?.(body) ?? { param: undefined, count: 1 }
  if (count > 1)
    throw new GatewayError('invalid_request', `${param}: only one answer at a time from a target of another protocol`, {
      param,
    })
}
