/** Builds the request for the vendor: the body (passed, patched or translated), the headers and the signature. */
import { GatewayError } from '../base/errors.ts'
import { preserveExactNumbers } from '../base/json/exact-numbers.ts'
import { type JsonObject, withMembers } from '../base/json/json.ts'
import { writeJson } from '../base/json/raw.ts'
import type { JsonBody } from '../downstream/json-body.ts'
import type { Chat, ProtocolId } from '../ir/chat.ts'
import { hasUrls, inlineUrls } from '../media/inline-urls.ts'
import { restoreReasoning } from '../protocols/openai-chat/reasoning/restore-reasoning.ts'
import type { Egress, Exchange, Ingress, NoteLoss } from '../protocols/protocol.ts'
import { type ClientProtocol, vendorProtocolOf } from '../protocols/registry.ts'
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

/**
 * Prepares the request for one target. Returns a promise only if files must be fetched or signing is asynchronous.
 * @throws GatewayError `invalid_request` if the request cannot be expressed in the target's protocol
 */
export const prepareRequest = (
  clientRequest: ClientRequest,
  target: Target,
  exchange: Exchange,
  fetchToken: TokenFetch,
): PreparedRequest | Promise<PreparedRequest> => {
  const wire = requireWire(target)
  const vendorProtocol = chooseProtocol(target, clientRequest.protocol.id)
  const requestBody = buildBody(clientRequest, target, wire, vendorProtocol, exchange)
  const options = { wire, vendorProtocol, fetchToken }
  return requestBody instanceof Promise
    ? signWhenBuilt(requestBody, options, clientRequest, target)
    : signRequest(requestBody, options, clientRequest, target)
}

type UpstreamOptions = Pick<PreparedRequest, 'wire' | 'vendorProtocol'> & { fetchToken: TokenFetch }

const signRequest = (
  { payload, length }: RequestBody,
  { wire, vendorProtocol, fetchToken }: UpstreamOptions,
  clientRequest: ClientRequest,
  target: Target,
): PreparedRequest | Promise<PreparedRequest> => {
  const upstreamRequest: UpstreamRequest = {
    url: urlOf(target, vendorProtocol, clientRequest),
    headers: upstreamHeaders(clientRequest, target, vendorProtocol, length),
    body: typeof payload === 'string' ? payload : undefined,
  }
  const shouldRememberThoughts =
    needsReasoning(wire, vendorProtocol) &&
    clientRequest.json !== undefined &&
    clientRequest.protocol.reader.offersTools(clientRequest.json.body)
  const prepared = { upstreamRequest, payload, wire, vendorProtocol, shouldRememberThoughts }
  const signing = wire.sign(upstreamRequest, target, fetchToken)
  return signing instanceof Promise ? resolveAfter(signing, prepared) : prepared
}

/** Separate functions instead of closures in `prepareRequest`: a closure would be allocated for every request. */
const signWhenBuilt = async (
  pendingBody: Promise<RequestBody>,
  ...rest: [UpstreamOptions, ClientRequest, Target]
): Promise<PreparedRequest> => signRequest(await pendingBody, ...rest)
const resolveAfter = async <Value>(done: Promise<void>, value: Value): Promise<Value> => {
  await done
  return value
}

/** @throws GatewayError `internal` if the target's form of the vendor is not supported */
export const requireWire = (target: Target): Wire => {
  const found = wireOf(target.entry)
  if ('unsupported' in found) throw new GatewayError('internal', `service "${target.entry.id}" cannot be spoken to`)
  return found.wire
}

type RequestBody = { payload: Payload; length?: number | undefined }

/**
 * Writes the body in one of three ways. Pass: the client's bytes with the model replaced. Patch: the same protocol,
 * corrected for the vendor. Translate: through the IR.
 */
const buildBody = (
  clientRequest: ClientRequest,
  target: Target,
  wire: Wire,
  vendorProtocol: ProtocolId,
  exchange: Exchange,
): RequestBody | Promise<RequestBody> => {
  if (clientRequest.upload && vendorProtocol !== clientRequest.protocol.id)
    throw new GatewayError('invalid_request', 'the target takes no form here: the body must be JSON')
  if (clientRequest.upload) return clientRequest.upload.write(target.model, target.entry.params)
  const { text, body } = clientRequest.json
  if (
    vendorProtocol !== clientRequest.protocol.id ||
    needsInlineMedia(clientRequest.protocol, clientRequest.json, wire)
  )
    return translateBody(clientRequest, target, wire, vendorProtocol, exchange)
  const passthroughText = clientRequest.protocol.passthrough.writeRequest(text, body, {
    model: target.model,
    requestUsage: exchange.requestUsage === true,
  })
  const patchRequest = wire.patchRequest?.[vendorProtocol]
  const shouldRestoreReasoning = needsReasoning(wire, vendorProtocol) && text.includes('"tool_calls"')
  const vendorChanges = topLevelChanges(body, wire, vendorProtocol, target, exchange.loss, clientRequest.headers)
  const changes =
    body.stream_options && clientRequest.usageRequested && exchange.requestUsage === false
      ? { stream_options: undefined, ...vendorChanges }
      : vendorChanges
  if (!patchRequest && !shouldRestoreReasoning)
    return { payload: wrapBody(applyChanges(passthroughText, changes), wire, vendorProtocol) }
  const patched = parseBody(passthroughText)
  if (shouldRestoreReasoning) restoreReasoning(patched, exchange.seals)
  Object.assign(patched, changes)
  patchRequest?.(patched, exchange.loss, target, clientRequest.headers)
  return { payload: wrapBody(JSON.stringify(patched), wire, vendorProtocol) }
}

/** The changes to the top-level fields of a body: first the entry's `params`, then the vendor's own patch. */
const topLevelChanges = (
  body: JsonObject,
  wire: Wire,
  vendorProtocol: ProtocolId,
  target: Target,
  loss: NoteLoss,
  clientHeaders?: Headers,
): JsonObject => {
  const params = target.entry.params as JsonObject
  const patchTopLevel = wire.patchTopLevel?.[vendorProtocol]
  return patchTopLevel ? { ...params, ...patchTopLevel({ ...body, ...params }, loss, target, clientHeaders) } : params
}

const applyChanges = (text: string, changes: JsonObject): string =>
  Object.keys(changes).length === 0
    ? text
    : (withMembers(text, changes) ?? JSON.stringify({ ...parseBody(text), ...changes }))

const parseBody = (text: string): JsonObject => preserveExactNumbers(text, JSON.parse(text) as JsonObject)

const wrapBody = (text: string, wire: Wire, vendorProtocol: ProtocolId): string =>
  wire.wrap?.[vendorProtocol]?.(text) ?? text

type JsonRequest = ClientRequest & { json: JsonBody }

/** Translates between two protocols of one kind. */
const translateBody = (
  clientRequest: JsonRequest,
  target: Target,
  wire: Wire,
  vendorProtocol: ProtocolId,
  exchange: Exchange,
): RequestBody | Promise<RequestBody> => {
  const { protocol, json } = clientRequest
  const vendor = vendorProtocolOf(vendorProtocol)
  if (protocol.kind === 'chat' && vendor.kind === 'chat')
    return translateChat(protocol, vendor, clientRequest, target, wire, exchange)
  if (protocol.kind === 'unary' && vendor.kind === 'unary')
    return { payload: translateUnary(protocol, vendor, json.body, target, wire, exchange) }
  throw untranslatable(protocol.id, vendorProtocol)
}

/** Translates a unary request (embeddings, rerank) and returns it as JSON. */
const translateUnary = (
  ingress: AnyUnaryIngress,
  egress: AnyUnaryEgress,
  body: JsonObject,
  target: Target,
  wire: Wire,
  { loss }: Exchange,
): string => {
  const rendered = translateUnaryRequest(ingress, egress, body, target.model, loss)
  Object.assign(rendered, target.entry.params)
  wire.patchRequest?.[egress.id]?.(rendered, loss, target)
  return writeJson(rendered)
}

/**
 * Translates a chat through the IR. If the vendor does not fetch URLs, the gateway fetches the files first and returns
 * a promise.
 */
const translateChat = (
  ingress: Ingress,
  egress: Egress,
  { json, headers, stream, media }: JsonRequest,
  target: Target,
  wire: Wire,
  exchange: Exchange,
): RequestBody | Promise<RequestBody> => {
  const vendorProtocol = egress.id
  const isSameProtocol = vendorProtocol === ingress.id
  if (!isSameProtocol) refuseSeveralAnswers(ingress, json.body)
  const parsed = ingress.parseRequest(preserveExactNumbers(json.text, json.body), exchange.loss)
  const restored = exchange.seals ? restoreThoughts(parsed, exchange.seals) : parsed
  const chat = isSameProtocol ? restored : normalizeChat(restored, ingress, egress, json.body, exchange.loss)
  const render = (resolved: Chat): RequestBody => {
    const body = egress.renderRequest({ ...resolved, model: target.model, stream }, exchange)
    if (needsReasoning(wire, vendorProtocol)) restoreReasoning(body, exchange.seals)
    const clientHeaders = isSameProtocol ? headers : undefined
    if (!clientHeaders) wire.trimTranslated?.[vendorProtocol]?.(body, exchange.loss, target)
    Object.assign(body, topLevelChanges(body, wire, vendorProtocol, target, exchange.loss, clientHeaders))
    wire.patchRequest?.[vendorProtocol]?.(body, exchange.loss, target, clientHeaders)
    return { payload: wrapBody(writeJson(body), wire, vendorProtocol) }
  }
  const acceptsUrl = wire.requiresInlineMedia?.includes(vendorProtocol) ? undefined : egress.acceptsUrl
  return hasUrls(chat, acceptsUrl) ? inlineUrls(chat, media, acceptsUrl).then(render) : render(chat)
}

/**
 * Prepares a chat of another protocol so that every vendor accepts it: no empty turns, and a result for every tool
 * call.
 * @throws GatewayError `invalid_request` if the chat contains files that only another vendor can read
 */
const normalizeChat = (
  chat: Chat,
  { turnsField }: Ingress,
  { id: vendorProtocol }: Egress,
  body: JsonObject,
  loss: NoteLoss,
): Chat => {
  refuseForeignFiles(chat, vendorProtocol, body)
  return { ...chat, turns: pairToolResults(dropEmptyTurns(chat.turns, vendorProtocol, turnsField, loss), loss) }
}

/** True if the request could be passed, but names files by URL that the vendor does not fetch. */
const needsInlineMedia = (protocol: ClientProtocol, { text, body }: JsonBody, wire: Wire): boolean =>
  protocol.kind === 'chat' &&
  wire.requiresInlineMedia?.includes(protocol.id) === true &&
  text.includes('"url"') &&
  hasUrls(protocol.parseRequest(body, () => undefined))

const needsReasoning = (wire: Wire, vendorProtocol: ProtocolId): boolean =>
  wire.requiresReasoning === true && vendorProtocol === 'openai-chat'

/** @throws GatewayError `invalid_request` if the request asks for several answers, which cannot be translated */
const refuseSeveralAnswers = (ingress: Ingress, body: JsonObject): void => {
  const { param, count } = ingress.answerCount?.(body) ?? { param: undefined, count: 1 }
  if (count > 1)
    throw new GatewayError('invalid_request', `${param}: only one answer at a time from a target of another protocol`, {
      param,
    })
}
