/** One attempt: admit → prepare → call, up to the head of a good answer. */

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
import {
  type ClientRequest,
  disableStreamUsage,
  isUsageRefusal,
  type PreparedRequest,
  prepareRequest,
} from './build-request.ts'
import { type ResponsePipe, throwVendorError } from './convert-response.ts'
import { storeResponseFor } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** One request on its way, beside what it asks. `said`: see `Course`. */
export type AttemptContext = { record: RequestRecord; runtime: Runtime; conversation?: Json[] | undefined }

/** An attempt that has its answer's head, and it is a good one. */
export type StartedAttempt = { upstream: UpstreamResponse; pipe: ResponsePipe; target: Target }

/**
 * admit → prepare → call: one attempt, up to the head of a good answer. @throws the vendor's refusal, `limited`, `upstream_failed`,
 * `upstream_timeout`, and `invalid_request` where the target cannot be asked for this.
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

/** Ready to be sent; the request ends with it, and it with the request. */
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

/** A vendor that refuses has not worked. @throws its refusal */
const failAttempt = async (call: UpstreamCall, pipe: ResponsePipe, { record }: AttemptContext): Promise<void> => {
  const { status } = call.response
  if (status >= 300 && status < 500) record.reachedVendor = false
  await throwVendorError(call, pipe)
}

/** @throws what ended the request from outside, which comes before what it led to. */
const recordFailure = (thrown: unknown, { record }: AttemptContext): void => {
  if (thrown instanceof GatewayError && thrown.detail.unsent) record.reachedVendor = false
  record.throwIfEnded()
}

/** What a request wants of a target: worked out only as far as a limit asks. */
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

/** At once where nobody need wait: a promise more is dear on the way of every request. */
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
