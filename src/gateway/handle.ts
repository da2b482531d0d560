/**
 * The life of a request:
 *   identifyCaller → readBody → parseClientRequest → planTargets → planTokenCount → splitBatch → resumePreviousResponse
 *   → attempt (admit → prepareRequest: pass | patch | translate → call)
 *   → openStream → ClientEventStream, or readCompleteResponse → lifetime.close
 */

import { asGatewayError, type GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { ClientEventStream } from '../downstream/event-stream.ts'
import { isForm, type JsonBody, pathAndQueryOf, readForm, readJson } from '../downstream/json-body.ts'
import { checkItemCounts } from '../downstream/max-items.ts'
import { isMultipart, readUpload, type Upload } from '../downstream/multipart/upload.ts'
import { errorHeaders, type ResponseHeaders, responseHeaders } from '../downstream/response-headers.ts'
import { respondUnread } from '../downstream/unread-body.ts'
import { respondWhole } from '../downstream/whole-answer.ts'
import { RequestMedia } from '../media/inline-urls.ts'
import type { Batch } from '../protocols/protocol.ts'
import type { ClientProtocol } from '../protocols/registry.ts'
import { fallbackPlans } from '../routing/fallbacks.ts'
import type { Caller, Plan } from '../routing/router.ts'
import { preferSealOrigin } from '../routing/seal-affinity.ts'
import { affinityOf } from '../routing/targets.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { AttemptContext, StartedAttempt } from './attempt.ts'
import type { ClientRequest } from './client-request.ts'
import { type CompleteResponse, openStream, readCompleteResponse } from './convert-response.ts'
import { estimateAfterFailure, planTokenCount } from './count-tokens.ts'
import { answerParts, type PartRequests, splitBatch } from './fan-out.ts'
import { identifyCaller } from './identify-caller.ts'
import { checkKeyScope, formFieldCheck } from './key-scope.ts'
import { resumePreviousResponse } from './previous-response.ts'
import { serveWithRetries } from './retry/retry.ts'
import type { Runtime } from './runtime.ts'

/** What the URL of a request says: the protocol, and for some paths the model and whether to stream. */
export type Operation = {
  protocol: ClientProtocol
  model?: string | undefined
  stream?: boolean
  query: string
}

/** The connection on which a request arrived. */
export type Connection = {
  /** The request has been received completely: from now on only the gateway's own deadlines end it. */
  disableTimeout: () => void
  /**
   * The connection may be idle again only for the usual time. Call it before the response is returned or its
   * stream is closed: later it has no effect.
   * @param bytes size of the response, for which a slow client needs time
   */
  restoreTimeout: (bytes?: number) => void
  /** Closes the connection within about a second, because the client does not read. */
  closeSoon: () => void
  /** The client's IP address. */
  address: () => string | undefined
}

/**
 * Answers one request and never throws. The lifetime is closed when the response has ended, the client disconnects, or
 * the request fails.
 */
export const handleRequest = async (
  request: Request,
  operation: Operation,
  connection: Connection,
  runtime: Runtime,
): Promise<Response> => {
  const lifetime = runtime.records.begin(request.method, pathAndQueryOf(request).path)
  lifetime.connection = connection
  request.signal.addEventListener('abort', lifetime)
  try {
    const caller = identifyCaller(request, operation.query, connection, lifetime, runtime)
    lifetime.applyOptions(request.headers, runtime.settings.exposeTargets)
    const received = parseClientRequest(
      await readBody(request, operation, caller, runtime),
      request.headers,
      operation,
      lifetime,
      runtime,
    )
    connection.disableTimeout()
    const planned = planTargets(received, caller, runtime)
    checkKeyScope(received, caller)
    lifetime.record.model = planned.model
    const countPlan = planTokenCount(received, planned, runtime)
    if ('estimate' in countPlan) return respondJson(countPlan.estimate, received.protocol, lifetime, runtime)
    const planFor = (model: string) => planTargets({ ...received, model }, caller, runtime)
    const plansOfFallbacks = fallbackPlans(planned.model, runtime.settings.fallback, planFor)
    const context: AttemptContext = { lifetime, runtime, fallbackPlans: plansOfFallbacks }
    if (received.protocol.kind === 'count') return await answerTokenCount(received, countPlan, context)
    const batchPlan = splitBatch(received, countPlan, runtime.settings.maxItems)
    if ('parts' in batchPlan) return await answerBatch(received, batchPlan, caller, context)
    const resumed = await resumePreviousResponse(received, batchPlan, caller.owner, context)
    const { clientRequest, plan, conversation } = resumed
    context.conversation = conversation
    return await (clientRequest.stream ? answerStream : answerComplete)(clientRequest, plan, context)
  } catch (thrown) {
    const error = lifetime.endReason ?? asGatewayError(thrown)
    return respondError(error, operation.protocol, lifetime, runtime, request)
  }
}

/**
 * Reads the body: an upload, a form or JSON.
 * @throws GatewayError `too_large`, `too_many_values`, `invalid_request`
 */
const readBody = (
  request: Request,
  { protocol }: Operation,
  caller: Caller,
  { settings }: Runtime,
): Promise<JsonBody | Upload> => {
  if (isMultipart(request.headers))
    return readUpload(request, settings.maxBody, formFieldCheck(protocol, caller), settings.maxItems.form_fields)
  return protocol.acceptsForms && isForm(request.headers) ? readForm(request, settings) : readJson(request, settings)
}

/**
 * Checks the body and reads from it what routing needs.
 * @throws GatewayError `invalid_request`
 */
const parseClientRequest = (
  received: JsonBody | Upload,
  headers: Headers,
  operation: Operation,
  lifetime: RequestLifetime,
  { settings }: Runtime,
): ClientRequest => {
  const { protocol } = operation
  if ('write' in received)
    return {
      protocol,
      headers,
      model: operation.model ?? received.model,
      stream: false,
      usageRequested: false,
      upload: received,
    }
  checkItemCounts(protocol.reader, received, settings.maxItems)
  protocol.checkRequest(received.body)
  if (settings.logPrompts) lifetime.record.prompt = received.text
  const { model, stream, usageRequested } = protocol.passthrough.readRequest(received.body)
  lifetime.record.stream = operation.stream ?? stream
  const media = new RequestMedia(settings.media, received.body, lifetime)
  return {
    protocol,
    headers,
    model: operation.model ?? model,
    stream: lifetime.record.stream,
    usageRequested,
    json: received,
    media,
  }
}

const planTargets = (clientRequest: ClientRequest, caller: Caller, runtime: Runtime): Plan => {
  const { protocol } = clientRequest
  const plan = runtime.router.plan({
    model: clientRequest.model,
    protocol: protocol.kind === 'count' ? protocol.protocol.id : protocol.id,
    caller,
    affinity: () => affinityOf(protocol.reader, clientRequest.json?.body ?? {}, caller, clientRequest.model ?? ''),
  })
  return clientRequest.json ? preferSealOrigin(plan, clientRequest.json.text) : plan
}

/** Answers with a stream. The response starts when the first content has arrived, or at the first heartbeat. */
const answerStream = (clientRequest: ClientRequest, plan: Plan, context: AttemptContext): Promise<Response> => {
  const { lifetime, runtime } = context
  const { protocol } = clientRequest
  const opening = serveWithRetries(clientRequest, plan, context, ({ upstream, pipe }) =>
    openStream(upstream, pipe, runtime.settings.timeouts.idle, source => {
      const stop = (error: GatewayError) => {
        source.cancel()
        upstream.stop()
        clientStream.stop(error)
      }
      lifetime.stopAtEnd({ stop })
    }),
  )
  const clientStream = new ClientEventStream(lifetime, eventStreamOptions(protocol, context), opening)
  return clientStream.response
}

const eventStreamOptions = (protocol: ClientProtocol, { lifetime, runtime }: AttemptContext) => ({
  heartbeatInterval: runtime.settings.heartbeat,
  clientIdleTimeout: runtime.settings.timeouts.idle,
  heartbeatFrame: protocol.heartbeat ?? ': heartbeat\n\n',
  contentType: protocol.streamType ?? 'text/event-stream; charset=utf-8',
  renderError: (error: GatewayError) => protocol.renderStreamError(error),
  redact: runtime.redact,
  headers: (contentType: string, vendorHeaders?: Headers) =>
    responseHeaders({ lifetime, protocol, redact: runtime.redact }, contentType, vendorHeaders),
})

const answerComplete = async (clientRequest: ClientRequest, plan: Plan, context: AttemptContext): Promise<Response> => {
  const { lifetime, runtime } = context
  const { body, headers } = await readAnswer(clientRequest, plan, context)
  return typeof body === 'string'
    ? respondWhole(body, headers, lifetime, runtime.settings.timeouts.idle)
    : new Response(body, { headers })
}

/** The answer of a vendor that is not streamed to the client, and its headers. */
const readAnswer = async (
  clientRequest: ClientRequest,
  plan: Plan,
  context: AttemptContext,
): Promise<{ body: CompleteResponse['body']; headers: ResponseHeaders }> => {
  const { lifetime, runtime } = context
  const { complete, vendorHeaders } = await serveWithRetries(clientRequest, plan, context, async started => {
    const answer = await readWhole(started, context)
    return { complete: answer, vendorHeaders: started.upstream.response.headers, isEmpty: answer.isEmpty === true }
  })
  lifetime.markAnswered(complete.usage)
  const answered = { lifetime, protocol: clientRequest.protocol, redact: runtime.redact }
  return { body: complete.body, headers: responseHeaders(answered, complete.contentType, vendorHeaders) }
}

const readWhole = async (
  { upstream, pipe, target }: StartedAttempt,
  { lifetime, runtime }: AttemptContext,
): Promise<CompleteResponse> => {
  const { idle } = runtime.settings.timeouts
  const idleTimeouts = { vendor: target.entry.timeout === undefined ? idle : undefined, client: idle }
  try {
    return await readCompleteResponse(upstream, pipe, idleTimeouts, lifetime)
  } finally {
    lifetime.throwIfEnded()
  }
}

/** Answers with the vendor's token count, or with an estimate if the vendor cannot count this request. */
const answerTokenCount = async (
  clientRequest: ClientRequest,
  plan: Plan,
  context: AttemptContext,
): Promise<Response> => {
  const { lifetime, runtime } = context
  try {
    return await answerComplete(clientRequest, plan, context)
  } catch (failure) {
    const target = plan.targets.find(({ id }) => id === lifetime.record.target)
    const estimate = estimateAfterFailure(failure, clientRequest, target, runtime)
    return respondJson(estimate, clientRequest.protocol, lifetime, runtime)
  }
}

/** Answers each part as a request of its own and joins the answers. */
const answerBatch = async (
  { protocol, stream, usageRequested }: ClientRequest,
  { parts, batch }: { parts: PartRequests; batch: Batch },
  caller: Caller,
  { lifetime, runtime }: AttemptContext,
): Promise<Response> => {
  const answerPart = async (part: ClientRequest, partLifetime: RequestLifetime) => {
    const { body } = await readAnswer(part, planTargets(part, caller, runtime), { lifetime: partLifetime, runtime })
    if (typeof body === 'string') partLifetime.close()
    return body
  }
  const answers = await answerParts(parts, lifetime, runtime.records, answerPart, batch)
  const body = batch.join(answers)
  if (!stream || protocol.kind !== 'chat') return respondJson(body, protocol, lifetime, runtime)
  const text = batch.frames(body, usageRequested).map(protocol.renderFrame).join('')
  const answered = { lifetime, protocol, redact: runtime.redact }
  const headers = responseHeaders(answered, 'text/event-stream; charset=utf-8')
  return respondWhole(text, headers, lifetime, runtime.settings.timeouts.idle)
}

/** Answers with a body that the gateway produced itself. */
export const respondJson = (
  body: JsonObject,
  protocol: ClientProtocol,
  lifetime: RequestLifetime,
  { redact, settings }: Runtime,
): Response => {
  const headers = responseHeaders({ lifetime, protocol, redact }, 'application/json')
  return respondWhole(JSON.stringify(body), headers, lifetime, settings.timeouts.idle)
}

/** Answers a failed request with an error in the client's protocol. `request` if its body may not have been read. */
export const respondError = (
  error: GatewayError,
  protocol: ClientProtocol,
  lifetime: RequestLifetime,
  runtime: Runtime,
  request?: Request,
): Response => {
  lifetime.close({ error })
  const headers = errorHeaders(error, { lifetime, protocol, redact: runtime.redact })
  // The remainder of the request body may never arrive: RFC 9110, 15.5.9.
  if (error.status === 408) headers['connection'] = 'close'
  const text = runtime.redact(JSON.stringify(protocol.renderError(error)))
  const init = { status: error.status, headers }
  if (request === undefined || error.status === 408) return new Response(text, init)
  return respondUnread(request, text, init, error.code === 'too_large' || isMultipart(request.headers))
}
