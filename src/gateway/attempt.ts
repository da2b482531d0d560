/**
 * One attempt to get an answer from a vendor: admit, prepare the request, call, and wait for successful response
 * headers.
 */

import { GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import { estimateTokens } from '../limits/estimate.ts'
import type { Admission, AdmissionRequest } from '../limits/limits.ts'
import type { Exchange } from '../protocols/protocol.ts'
import { unaryKindOf } from '../protocols/registry.ts'
import type { Target } from '../providers/entry.ts'
import { sealOriginOf } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import { UpstreamCall, type UpstreamResponse } from '../upstream/call.ts'
import { disableStreamUsage, isUsageRefusal, type PreparedRequest, prepareRequest } from './build-request.ts'
import type { ClientRequest } from './client-request.ts'
import { type ResponsePipe, throwVendorError } from './convert-response.ts'
import { storeResponseFor } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** What belongs to one request besides its content. For `conversation` see `ResumedRequest`. */
export type AttemptContext = { record: RequestRecord; runtime: Runtime; conversation?: Json[] | undefined }

/** An attempt whose vendor sent a 2xx status. The body of the response has not been read yet. */
export type StartedAttempt = { upstream: UpstreamResponse; pipe: ResponsePipe; target: Target }

/**
 * Makes one attempt: waits for admission, prepares the request, calls the vendor, and returns once a 2xx status has
 * arrived.
 * Calls the same target again, without asking for usage, if the vendor refused the request because of that.
 * @throws GatewayError the vendor's refusal, `limited`, `upstream_failed`, `upstream_timeout`, or `invalid_request` if
 * the target cannot serve this request
 */
export const attempt = async (
  clientRequest: ClientRequest,
  plan: Plan,
  context: AttemptContext,
): Promise<StartedAttempt> => {
  const admitted = admit(clientRequest, plan, context)
  const target = admitted instanceof Promise ? await admitted : admitted
  const exchange = exchangeFor(clientRequest, plan, target, context)
  for (;;) {
    const preparing = prepareRequest(clientRequest, target, exchange)
    const prepared = preparing instanceof Promise ? await preparing : preparing
    refuseLoss(context)
    const call = createCall(prepared, target, clientRequest.stream, context)
    try {
      await call.waitForHeaders()
      context.record.throwIfEnded()
      const pipe = responsePipeFor(clientRequest, prepared, target, exchange, context)
      if (call.response.ok) return { upstream: call, pipe, target }
      await failAttempt(call, pipe, context)
    } catch (thrown) {
      recordFailure(thrown, context)
      if (!isUsageRefusal(thrown, prepared)) throw thrown
      disableStreamUsage(target)
    }
  }
}

/** Creates the call and registers it with the record, so that ending the request stops the call. */
const createCall = (
  prepared: PreparedRequest,
  target: Target,
  stream: boolean,
  { record, runtime }: AttemptContext,
): UpstreamCall => {
  const { connect, firstByte, idle } = runtime.settings.timeouts
  const coversWholeResponse = !stream && target.entry.timeout !== undefined
  const timeouts = { connect, firstByte: target.entry.timeout ?? firstByte, idle, coversWholeResponse }
  record.throwIfEnded()
  const call = new UpstreamCall(prepared.upstreamRequest, prepared.payload, target, prepared.wire, timeouts)
  record.cancellable = call
  record.reachedVendor = true
  return call
}

const responsePipeFor = (
  clientRequest: ClientRequest,
  { wire, vendorProtocol, shouldRememberThoughts }: PreparedRequest,
  target: Target,
  exchange: Exchange,
  { record, runtime, conversation }: AttemptContext,
): ResponsePipe => {
  const patchResponse = wire.patchResponse?.[vendorProtocol]
  if (patchResponse) exchange.patchResponse = patchResponse
  const storeResponse = storeResponseFor({ clientRequest, conversation }, target, record.caller ?? '', runtime)
  return { clientProtocol: clientRequest.protocol, vendorProtocol, exchange, shouldRememberThoughts, storeResponse }
}

/**
 * Throws the vendor's error. A vendor that answers 3xx or 4xx has not done any work, so the reserved tokens are given
 * back.
 * @throws GatewayError the vendor's error
 */
const failAttempt = async (call: UpstreamCall, pipe: ResponsePipe, { record }: AttemptContext): Promise<void> => {
  const { status } = call.response
  if (status >= 300 && status < 500) record.reachedVendor = false
  await throwVendorError(call, pipe)
}

/**
 * Gives the reserved tokens back if the request was never sent.
 * @throws GatewayError the reason the request was ended from outside, which takes precedence over the failure it caused
 */
const recordFailure = (thrown: unknown, { record }: AttemptContext): void => {
  if (thrown instanceof GatewayError && thrown.detail.unsent) record.reachedVendor = false
  record.throwIfEnded()
}

/** Describes to the limits what a request needs. Each value is computed only when a limit reads it. */
class LazyAdmissionRequest implements AdmissionRequest {
  constructor(
    private readonly clientRequest: ClientRequest,
    private readonly record: RequestRecord,
  ) {}

  get embedding(): boolean {
    return unaryKindOf(this.clientRequest.protocol.id) === 'embedding'
  }
  get isClientGone(): boolean {
    return this.record.endReason !== undefined
  }
  get signal(): AbortSignal {
    return this.record.signal
  }
  tokens(): number {
    return this.clientRequest.json ? estimateTokens(this.clientRequest.json.body) : 1000
  }
}

/**
 * Returns the target without a promise if no waiting is needed: an extra promise is expensive on the path of every
 * request.
 */
const admit = (
  clientRequest: ClientRequest,
  plan: Plan,
  { record, runtime }: AttemptContext,
): Target | Promise<Target> => {
  record.throwIfEnded()
  const queuedAt = performance.now()
  const result = runtime.limits.admit(plan.targets, new LazyAdmissionRequest(clientRequest, record))
  if (!(result instanceof Promise)) return holdAdmission(result, record)
  return result.then(admission => {
    record.queueTime += performance.now() - queuedAt
    return holdAdmission(admission, record)
  })
}

const holdAdmission = (admission: Admission, record: RequestRecord): Target => {
  record.holdLease(admission)
  record.throwIfEnded()
  return admission.target
}

const exchangeFor = (
  clientRequest: ClientRequest,
  plan: Plan,
  target: Target,
  { record, runtime }: AttemptContext,
): Exchange => ({
  id: clientRequest.protocol.idPrefix + record.id.slice(4),
  created: Math.floor(Date.now() / 1000),
  model: plan.model,
  sealOrigin: sealOriginOf(target),
  seals: runtime.seals.forCaller(record.caller ?? ''),
  ...(clientRequest.json && { clientRequest: clientRequest.json.original ?? clientRequest.json.body }),
  usageRequested: clientRequest.usageRequested,
  loss: record.noteLoss,
  redact: runtime.redact,
})

const refuseLoss = ({ record, runtime }: AttemptContext): void => {
  if (runtime.settings.onLoss !== 'refuse' || record.losses === undefined) return
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${record.losses.join('; ')}`)
}
