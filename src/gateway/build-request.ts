/** The request as the vendor gets it: the three tiers, the headers, the signature. */
import { GatewayError } from '../base/errors.ts'
import { preserveExactNumbers } from '../base/json/exact-numbers.ts'
import { isObject, type JsonObject, withMembers } from '../base/json/json.ts'
import { writeJson } from '../base/json/raw.ts'
import { version } from '../base/version.ts'
import type { JsonBody } from '../downstream/json-body.ts'
import type { Upload } from '../downstream/multipart/upload.ts'
import type { Chat, ProtocolId } from '../ir/chat.ts'
import { hasUrls, inlineUrls, type RequestMedia } from '../media/inline-urls.ts'
import { tokenCounters } from '../protocols/count-tokens.ts'
import { restoreReasoning } from '../protocols/openai-chat/reasoning/restore-reasoning.ts'
import type { Exchange, Ingress, NoteLoss, PassthroughProtocol } from '../protocols/protocol.ts'
import { egressOf, unaryEgressOf } from '../protocols/registry.ts'
import { dropEmptyTurns } from '../protocols/shared/drop-empty-turns.ts'
import { pairToolResults } from '../protocols/shared/pair-tool-results.ts'
import { restoreThoughts } from '../protocols/shared/thought-memory.ts'
import { type AnyUnaryIngress, isUnary, translateUnaryRequest } from '../protocols/shared/unary.ts'
import type { Target } from '../providers/entry.ts'
import type { UpstreamRequest, Wire } from '../providers/provider.ts'
import { chooseProtocol, urlOf, wireOf } from '../providers/resolve-url.ts'
import type { Payload } from '../upstream/call.ts'
import { fetchToken } from '../upstream/connection/token-fetch.ts'
import { refuseKept } from './vendor-files.ts'

/** A request as routing, limits and the vendor's side need it. */
export type ClientRequest = {
  protocol: Ingress | PassthroughProtocol
  /** The client's. */
  headers: Headers
  /** Absent: the request names none. */
  model: string | undefined
  stream: boolean
  usageAsked: boolean
} & ({ json: JsonBody; media: RequestMedia; upload?: undefined } | { json?: undefined; upload: Upload })

/** What goes out, and in which protocol the answer will come. */
export type PreparedRequest = {
  outgoing: UpstreamRequest
  payload: Payload
  wire: Wire
  speaks: ProtocolId
  askedUsage: boolean
  /** Calls of the answer may need what was thought before them. */
  remembers: boolean
}

/** Entries whose vendor answered 400 to the question for usage in a stream. */
const refusing = new Set<string>()
export const refusesUsage = (target: Target): void => void refusing.add(target.entry.id)

/** Some vendors answer 400 to the question for usage, which was ours and not the client's. */
export const isUsageRefusal = (refusal: unknown, { askedUsage }: PreparedRequest): boolean =>
  askedUsage &&
  refusal instanceof GatewayError &&
  (refusal.status === 400 || refusal.status === 422) &&
  /stream_options|include_usage/.test(refusal.message + (refusal.detail.body?.text ?? ''))

/** @throws GatewayError `invalid_request` where the request cannot be said in the target's protocol. */
export const prepare = (
  clientRequest: ClientRequest,
  target: Target,
  exchange: Exchange,
): PreparedRequest | Promise<PreparedRequest> => {
  const wire = builtWire(target)
  const speaks = chooseProtocol(target, clientRequest.protocol.id)
  const askedUsage = clientRequest.stream && !wire.refusesUsage && !refusing.has(target.entry.id)
  const written = write(clientRequest, target, wire, speaks, askedUsage, exchange)
  const manner = { wire, speaks, askedUsage }
  return written instanceof Promise
    ? signLater(written, manner, clientRequest, target)
    : sign(written, manner, clientRequest, target)
}

type Manner = Pick<PreparedRequest, 'wire' | 'speaks' | 'askedUsage'>

const sign = (
  { payload, length }: Written,
  { wire, speaks, askedUsage }: Manner,
  clientRequest: ClientRequest,
  target: Target,
): PreparedRequest | Promise<PreparedRequest> => {
  const outgoing: UpstreamRequest = {
    url: urlOf(target, speaks, clientRequest),
    headers: headersOf(clientRequest, target, speaks, length),
    body: typeof payload === 'string' ? payload : undefined,
  }
  const remembers = needsThoughts(wire, speaks) && Array.isArray(clientRequest.json?.body.tools)
  const prepared = { outgoing, payload, wire, speaks, askedUsage, remembers }
  const signing = wire.sign(outgoing, target, fetchToken)
  return signing instanceof Promise ? after(signing, prepared) : prepared
}

/** Beside the functions above and not within: a closure there would be made for every request. */
const signLater = async (
  written: Promise<Written>,
  ...rest: [Manner, ClientRequest, Target]
): Promise<PreparedRequest> => sign(await written, ...rest)
const after = async <Value>(done: Promise<void>, value: Value): Promise<Value> => {
  await done
  return value
}

const builtWire = (target: Target): Wire => {
  const found = wireOf(target.entry)
  if ('unsupported' in found) throw new GatewayError('internal', `service "${target.entry.id}" cannot be spoken to`)
  return found.wire
}

type Written = { payload: Payload; length?: number | undefined }

/** pass: the client's bytes with the model replaced. adjust: the same protocol, corrected for the vendor. translate: through the IR. */
const write = (
  clientRequest: ClientRequest,
  target: Target,
  wire: Wire,
  speaks: ProtocolId,
  requestUsage: boolean,
  exchange: Exchange,
): Written | Promise<Written> => {
  if (clientRequest.upload && speaks !== clientRequest.protocol.id)
    throw new GatewayError('invalid_request', 'the target takes no form here: the body must be JSON')
  if (clientRequest.upload) return clientRequest.upload.write(target.model, target.entry.params)
  const { text, body } = clientRequest.json
  if (speaks !== clientRequest.protocol.id && isUnary(clientRequest.protocol))
    return { payload: asked(clientRequest.protocol, body, target, wire, speaks, exchange) }
  if (speaks !== clientRequest.protocol.id || needsBytes(clientRequest.protocol, clientRequest.json, wire))
    return translate(clientRequest, target, wire, speaks, exchange)
  const passed = clientRequest.protocol.passthrough.writeRequest(text, body, { model: target.model, requestUsage })
  const adjust = wire.patchRequest?.[speaks]
  const brings = needsThoughts(wire, speaks) && text.includes('"tool_calls"')
  const own = changeFor(body, wire, speaks, target, exchange.loss, clientRequest.headers)
  const change =
    body.stream_options && clientRequest.usageAsked && !requestUsage ? { stream_options: undefined, ...own } : own
  if (!adjust && !brings) return { payload: wrapped(changed(passed, change), wire, speaks) }
  const adjusted = read(passed)
  if (brings) restoreReasoning(adjusted, exchange.seals)
  Object.assign(adjusted, change)
  adjust?.(adjusted, exchange.loss, target, clientRequest.headers)
  return { payload: wrapped(JSON.stringify(adjusted), wire, speaks) }
}

/** What members at the top become: by the entry's `params`, then for the vendor's sake. */
const changeFor = (
  body: JsonObject,
  wire: Wire,
  speaks: ProtocolId,
  target: Target,
  loss: NoteLoss,
  client?: Headers,
): JsonObject => {
  const params = target.entry.params as JsonObject
  const retouch = wire.patchTopLevel?.[speaks]
  return retouch ? { ...params, ...retouch({ ...body, ...params }, loss, target, client) } : params
}

const changed = (text: string, change: JsonObject): string =>
  Object.keys(change).length === 0 ? text : (withMembers(text, change) ?? JSON.stringify({ ...read(text), ...change }))

const read = (text: string): JsonObject => preserveExactNumbers(text, JSON.parse(text) as JsonObject)

const wrapped = (text: string, wire: Wire, speaks: ProtocolId): string => wire.wrap?.[speaks]?.(text) ?? text

/** One question in the vendor's words. */
const asked = (
  client: AnyUnaryIngress,
  body: JsonObject,
  target: Target,
  wire: Wire,
  speaks: ProtocolId,
  { loss }: Exchange,
): string => {
  const rendered = translateUnaryRequest(client, unaryEgressOf(speaks)!, body, target.model, loss)
  Object.assign(rendered, target.entry.params)
  wire.patchRequest?.[speaks]?.(rendered, loss, target)
  return writeJson(rendered)
}

/** Where the vendor fetches nothing, files named by URL are fetched before; a promise only then. */
const translate = (
  { protocol, json, headers, stream, media }: ClientRequest & { json: JsonBody },
  target: Target,
  wire: Wire,
  speaks: ProtocolId,
  exchange: Exchange,
): Written | Promise<Written> => {
  if (speaks !== protocol.id) refuseChoices(json.body)
  const egress = egressOf(speaks)!
  const said = (protocol as Ingress).parseRequest(preserveExactNumbers(json.text, json.body), exchange.loss)
  const whole = exchange.seals ? restoreThoughts(said, exchange.seals) : said
  const chat = speaks === protocol.id ? whole : readable(whole, speaks, json.body, exchange.loss)
  const render = (near: Chat): Written => {
    const body = egress.renderRequest({ ...near, model: target.model, stream }, exchange)
    if (needsThoughts(wire, speaks)) restoreReasoning(body, exchange.seals)
    const client = speaks === protocol.id ? headers : undefined
    if (!client) wire.trimTranslated?.[speaks]?.(body, exchange.loss, target)
    Object.assign(body, changeFor(body, wire, speaks, target, exchange.loss, client))
    wire.patchRequest?.[speaks]?.(body, exchange.loss, target, client)
    return { payload: wrapped(writeJson(body), wire, speaks) }
  }
  const takesUrl = wire.requiresInlineMedia?.includes(speaks) ? undefined : egress.acceptsUrl
  return hasUrls(chat, takesUrl) ? inlineUrls(chat, media, takesUrl).then(render) : render(chat)
}

/** A chat of another protocol as every vendor can take it. @throws GatewayError `invalid_request` where there is no such form */
const readable = (chat: Chat, speaks: ProtocolId, body: JsonObject, loss: NoteLoss): Chat => {
  refuseKept(chat, speaks, body)
  const place = ['messages', 'input', 'contents', 'prompt'].find(key => key in body) ?? 'messages'
  return { ...chat, turns: pairToolResults(dropEmptyTurns(chat.turns, speaks, place, loss), loss) }
}

/** A request that could pass, but names files by URL that the vendor would not fetch. */
const needsBytes = (protocol: Ingress | PassthroughProtocol, { text, body }: JsonBody, wire: Wire): boolean =>
  wire.requiresInlineMedia?.includes(protocol.id) === true &&
  text.includes('"url"') &&
  hasUrls((protocol as Ingress).parseRequest(body, () => undefined))

const needsThoughts = (wire: Wire, speaks: ProtocolId): boolean =>
  wire.requiresReasoning === true && speaks === 'openai-chat'

/** Several answers at once: only their own protocol can tell them apart. Chat Completions says `n`, Gemini `candidateCount`. */
const refuseChoices = ({ n, generationConfig }: JsonObject): void => {
  const candidates = isObject(generationConfig)
    ? (generationConfig.candidateCount ?? generationConfig.candidate_count)
    : undefined
  for (const [param, count] of Object.entries({ n, 'generationConfig.candidateCount': candidates }))
    if (typeof count === 'number' && count > 1)
      throw new GatewayError(
        'invalid_request',
        `${param}: only one answer at a time from a target of another protocol`,
        { param },
      )
}

/** What of a client's headers a vendor may see; its keys, cookies and addresses never. */
const passed = [
  'accept',
  'openai-beta',
  'idempotency-key',
  'x-client-request-id',
  'traceparent',
  'tracestate',
  'http-referer',
  'x-title',
]
/** How the gateway calls itself. */
export const userAgent = `simple-one-api/${version}`

const headersOf = (
  clientRequest: ClientRequest,
  target: Target,
  speaks: ProtocolId,
  length: number | undefined,
): Headers => {
  const headers = new Headers({ 'user-agent': userAgent })
  headers.set('content-type', clientRequest.upload ? clientRequest.headers.get('content-type')! : 'application/json')
  for (const name of passed) {
    const value = clientRequest.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  if (clientRequest.stream) {
    headers.set('accept', 'text/event-stream')
    headers.set('accept-encoding', 'identity')
  }
  if (length !== undefined) headers.set('content-length', String(length))
  const own = (egressOf(speaks) ?? tokenCounters.get(speaks)?.protocol)?.headers?.(
    speaks === clientRequest.protocol.id ? clientRequest.headers : undefined,
  )
  for (const name in own) headers.set(name, own[name]!)
  for (const name in target.entry.headers) headers.set(name, target.entry.headers[name]!)
  return headers
}
