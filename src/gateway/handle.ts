/**
 * The life of a request:
 *   intake → authenticate → plan → ( admit → pass | adjust | translate → call → peek )* → relay → trail.close
 */

import { presentedKeys } from '../auth/keys.ts'
import { asGatewayError, type GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { ClientEventStream } from '../downstream/event-stream.ts'
import { addressOf, isForm, type JsonBody, readForm, readJson } from '../downstream/json-body.ts'
import { isMultipart, readUpload, type Upload } from '../downstream/multipart/upload.ts'
import { errorHeaders, responseHeaders } from '../downstream/response-headers.ts'
import { RequestMedia } from '../media/inline-urls.ts'
import { isTokenCounter } from '../protocols/count-tokens.ts'
import type { Ingress, PassthroughProtocol } from '../protocols/protocol.ts'
import type { Caller, Plan } from '../routing/router.ts'
import { preferSealOrigin } from '../routing/seal-affinity.ts'
import { affinityOf } from '../routing/targets.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import { type AttemptContext, attempt } from './attempt.ts'
import type { ClientRequest } from './build-request.ts'
import { type CompleteResponse, openStream, readWhole } from './convert-response.ts'
import { counted, guessedAfter } from './count-tokens.ts'
import { answerEach, splitBatch } from './fan-out.ts'
import { resumePreviousResponse } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** What the address of a request says: its protocol, and the model and whether to stream where the address tells them. */
export type Operation = {
  protocol: Ingress | PassthroughProtocol
  model?: string | undefined
  stream?: boolean
  query: string
}

/** The connection a request came by. */
export type Connection = {
  /** The whole request is here: from now on only our own deadlines end it. */
  wait: () => void
  /** Ends it soon: the client does not read. */
  hangUp: () => void
  /** The client's address. */
  address: () => string | undefined
}

/** Answers one request; never throws. The trail closes when the answer is over, the client leaves, or the request fails. */
export const handleRequest = async (
  request: Request,
  operation: Operation,
  connection: Connection,
  runtime: Runtime,
): Promise<Response> => {
  const record = runtime.records.begin(request.method, addressOf(request).path)
  record.connection = connection
  request.signal.addEventListener('abort', record)
  try {
    const caller = runtime.auth.identify(presentedKeys(request.headers, operation.query))
    record.caller = caller.id
    record.reportsLosses = request.headers.get('x-report-losses') === '1'
    const asked = intakeOf(await readBody(request, operation, runtime), request.headers, operation, record, runtime)
    connection.wait()
    const planned = planFor(asked, caller, runtime)
    record.model = planned.model
    const counting = counted(asked, planned)
    if ('guess' in counting) return respondJson(counting.guess, record, runtime)
    const context: AttemptContext = { record, runtime }
    if (isTokenCounter(asked.protocol)) return await answerCount(asked, counting, context)
    const split = splitBatch(asked, counting)
    if ('parts' in split) return await answerBatch(asked, split.parts, caller, context)
    const going = resumePreviousResponse(asked, split, caller.id, context)
    const { clientRequest, plan, said } = going instanceof Promise ? await going : going
    context.said = said
    return await (clientRequest.stream ? answerStream : answerWhole)(clientRequest, plan, context)
  } catch (thrown) {
    const error = record.ended ?? asGatewayError(thrown)
    if (error.code === 'unauthorized') record.address = connection.address()
    return respondError(error, operation.protocol, record, runtime)
  }
}

/** intake: the body. */
const readBody = (
  request: Request,
  { protocol }: Operation,
  { settings: { maxBody } }: Runtime,
): Promise<JsonBody | Upload> => {
  if (isMultipart(request.headers)) return readUpload(request, maxBody)
  return protocol.acceptsForms && isForm(request.headers) ? readForm(request, maxBody) : readJson(request, maxBody)
}

/** intake: what the body asks, checked. */
const intakeOf = (
  read: JsonBody | Upload,
  headers: Headers,
  operation: Operation,
  record: RequestRecord,
  { settings }: Runtime,
): ClientRequest => {
  const { protocol } = operation
  if ('write' in read)
    return { protocol, headers, model: operation.model ?? read.model, stream: false, usageAsked: false, upload: read }
  protocol.checkRequest(read.body)
  if (settings.logPrompts) record.prompt = read.text
  const { model, stream, usageRequested } = protocol.passthrough.readRequest(read.body)
  record.stream = operation.stream ?? stream
  const media = new RequestMedia(settings.media, read.body, record)
  return {
    protocol,
    headers,
    model: operation.model ?? model,
    stream: record.stream,
    usageAsked: usageRequested,
    json: read,
    media,
  }
}

const planFor = (clientRequest: ClientRequest, caller: Caller, runtime: Runtime): Plan => {
  const plan = runtime.router.plan({
    model: clientRequest.model,
    protocol: isTokenCounter(clientRequest.protocol) ? clientRequest.protocol.protocol.id : clientRequest.protocol.id,
    caller,
    affinity: () => affinityOf(clientRequest.json?.body ?? {}, caller, clientRequest.model ?? ''),
  })
  return clientRequest.json ? preferSealOrigin(plan, clientRequest.json.text) : plan
}

/** relay: a stream is answered as soon as it is committed, or at the first heartbeat. */
const answerStream = (clientRequest: ClientRequest, plan: Plan, context: AttemptContext): Promise<Response> => {
  const { record, runtime } = context
  const { protocol } = clientRequest
  const opening = attempt(clientRequest, plan, context).then(({ answered, pipe }) =>
    openStream(answered, pipe, runtime.settings.timeouts.idle, source => {
      const stop = (error: GatewayError) => {
        source.cancel()
        answered.stop()
        relay.stop(error)
      }
      record.cancellable = { stop }
    }),
  )
  const relay = new ClientEventStream(record, relayTerms(protocol, context), opening)
  return relay.answer
}

const relayTerms = (protocol: Ingress | PassthroughProtocol, { record, runtime }: AttemptContext) => ({
  heartbeat: runtime.settings.heartbeat,
  patience: runtime.settings.timeouts.idle,
  sign: protocol.heartbeat ?? ': heartbeat\n\n',
  type: protocol.streamType ?? 'text/event-stream; charset=utf-8',
  fail: (error: GatewayError) => protocol.renderStreamError(error),
  headers: (type: string, vendor?: Headers) => responseHeaders(record, type, runtime.redact, vendor),
})

const answerWhole = async (clientRequest: ClientRequest, plan: Plan, context: AttemptContext): Promise<Response> => {
  const { record, runtime } = context
  const { answered, pipe, target } = await attempt(clientRequest, plan, context)
  const { idle } = runtime.settings.timeouts
  const patience = { vendor: target.entry.timeout === undefined ? idle : undefined, client: idle }
  let whole: CompleteResponse
  try {
    whole = await readWhole(answered, pipe, patience, record)
  } finally {
    record.check()
  }
  record.usage = whole.usage
  record.first = performance.now() - record.started
  if (typeof whole.body === 'string') record.close()
  return new Response(whole.body, {
    headers: responseHeaders(record, whole.type, runtime.redact, answered.response.headers),
  })
}

/** Counted, or guessed where the vendor has no count for what it was asked. */
const answerCount = async (clientRequest: ClientRequest, plan: Plan, context: AttemptContext): Promise<Response> => {
  const { record, runtime } = context
  try {
    return await answerWhole(clientRequest, plan, context)
  } catch (failure) {
    const asked = plan.targets.find(({ id }) => id === record.target)
    return respondJson(guessedAfter(failure, clientRequest, asked), record, runtime)
  }
}

/** Each part as a request of its own, the answers as one. */
const answerBatch = async (
  { protocol, stream, usageAsked }: ClientRequest,
  parts: ClientRequest[],
  caller: Caller,
  { record, runtime }: AttemptContext,
): Promise<Response> => {
  const { batch, renderFrame } = protocol as Ingress
  const answer = (part: ClientRequest, own: RequestRecord) =>
    answerWhole(part, planFor(part, caller, runtime), { record: own, runtime })
  const answers = await answerEach(parts, record, runtime.records, answer, batch)
  const body = batch!.join(answers)
  if (!stream) return respondJson(body, record, runtime)
  record.close()
  const text = batch!.frames(body, usageAsked).map(renderFrame).join('')
  return new Response(text, { headers: responseHeaders(record, 'text/event-stream; charset=utf-8', runtime.redact) })
}

/** What the gateway can say by itself. */
export const respondJson = (body: JsonObject, record: RequestRecord, runtime: Runtime): Response => {
  record.close()
  return new Response(JSON.stringify(body), { headers: responseHeaders(record, 'application/json', runtime.redact) })
}

/** The end of a request that failed. */
export const respondError = (
  error: GatewayError,
  protocol: Ingress | PassthroughProtocol,
  record: RequestRecord,
  runtime: Runtime,
): Response => {
  record.close({ error })
  const headers = errorHeaders(error, record, runtime.redact)
  // The rest of the request may never come: RFC 9110, 15.5.9.
  if (error.status === 408) headers['connection'] = 'close'
  return new Response(JSON.stringify(protocol.renderError(error)), { status: error.status, headers })
}
