/**
 * One attempt to get an answer from a vendor: admit, prepare the request, call, and wait for successful response
 * headers.
 */

import { GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import { estimateTokens } from '../limits/estimate.ts'
import type { Admission, AdmissionRequest } from '../limits/limits.ts'
import type { Exchange, UsageOption } from '../protocols/protocol.ts'
import { unaryTaskOf, vendorProtocolOf } from '../protocols/registry.ts'
import { allowancesOf } from '../protocols/shared/failure/rate-limit-headers.ts'
import type { Target } from '../providers/entry.ts'
import { chooseProtocol, sealOriginOf } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import type { AttemptRecord } from '../telemetry/attempt-record.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import { UpstreamCall, type UpstreamResponse } from '../upstream/call.ts'
import { type PreparedRequest, prepareRequest, requireWire } from './build-request.ts'
import type { ClientRequest } from './client-request.ts'
import { type ResponsePipe, throwVendorError } from './convert-response.ts'
import { storeResponseFor } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** What belongs to one request besides its content. For `conversation` see `ResumedRequest`. */
export type AttemptContext = {
  lifetime: RequestLifetime
  runtime: Runtime
  conversation?: Json[] | undefined
  /** The plans of the models that stand in for the requested one, best first. */
  fallbackPlans?: Iterator<Plan, undefined>
}

/** An attempt whose vendor sent a 2xx status. The body of the response has not been read yet. */
export type StartedAttempt = {
  upstream: UpstreamResponse
  pipe: ResponsePipe
  target: Target
  record: AttemptRecord
}

/**
 * Prepares the request, calls the vendor, and returns once a 2xx status has arrived. A vendor that refuses to be asked
 * for usage in the stream is called again without the question.
 * @throws GatewayError the vendor's refusal, `upstream_failed`, `upstream_timeout`, or `invalid_request` if the target
 * cannot serve this request
 */
export const callTarget = async (
  clientRequest: ClientRequest,
  plan: Plan,
  record: AttemptRecord,
  context: AttemptContext,
): Promise<StartedAttempt> => {
  const { streamUsage, retryBudget } = context.runtime
  retryBudget.noteRequest(record.target.entry.id)
  try {
    return await callOnce(clientRequest, plan, record, context, true)
  } catch (refusal) {
    const canRepeat = clientRequest.stream && refusal instanceof GatewayError && mayAskForUsage(record.target, context)
    const option = canRepeat ? usageOptionFor(record.target, clientRequest) : undefined
    if (!canRepeat || !option?.isMentioned(refusal)) throw refusal
    record.restart()
    const started = await callOnce(clientRequest, plan, record, context, false)
    if (option.isUnsupported(refusal)) streamUsage.markRefused(record.target)
    return started
  }
}

const mayAskForUsage = (target: Target, { runtime }: AttemptContext): boolean =>
  runtime.streamUsage.isAllowed(target, requireWire(target))

/** How the target is asked for usage in the stream, if it has to be asked. */
const usageOptionFor = (target: Target, { protocol }: ClientRequest): UsageOption | undefined =>
  vendorProtocolOf(chooseProtocol(target, protocol.id)).usageOption

/** One call to the target that admitted the request. @throws GatewayError as `callTarget` does */
const callOnce = async (
  clientRequest: ClientRequest,
  plan: Plan,
  record: AttemptRecord,
  context: AttemptContext,
  asksForUsage: boolean,
): Promise<StartedAttempt> => {
  const { target } = record
  const exchange = exchangeFor(clientRequest, plan, record, context)
  exchange.requestUsage = clientRequest.stream && asksForUsage && mayAskForUsage(target, context)
  const prepared = await prepareRequest(clientRequest, target, exchange, context.runtime.connections.fetchToken)
  refuseLoss(record, context)
  const call = createCall(prepared, record, clientRequest.stream, context)
  try {
    await call.waitForHeaders()
    noteAllowances(call.response.headers, target, context)
    context.lifetime.throwIfEnded()
    const pipe = responsePipeFor(clientRequest, prepared, target, exchange, context)
    if (!call.response.ok) await failAttempt(call, pipe, record)
    return { upstream: call, pipe, target, record }
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.detail.unsent) record.reachedVendor = false
    // The reason the request was ended from outside takes precedence over the failure it caused.
    context.lifetime.throwIfEnded()
    throw thrown
  }
}

/** Tightens the limits of the target by what its vendor says is left. */
const noteAllowances = (headers: Headers, target: Target, { runtime }: AttemptContext): void => {
  if (!runtime.settings.learns) return
  for (const allowance of allowancesOf(headers, Date.now())) runtime.health.noteAllowance(target, allowance)
}

/** Creates the call and registers it with the lifetime of the request, so that ending the request stops the call. */
const createCall = (
  prepared: PreparedRequest,
  record: AttemptRecord,
  stream: boolean,
  { lifetime, runtime }: AttemptContext,
): UpstreamCall => {
  const { target } = record
  const { connect, firstByte, idle, total: configured } = runtime.settings.timeouts
  const { timeout } = target.entry
  const coversWholeResponse = !stream && timeout !== undefined
  const total = Math.max(configured, timeout ?? 0)
  const timeouts = { connect, firstByte: timeout ?? firstByte, idle, coversWholeResponse, total }
  lifetime.throwIfEnded()
  const { upstreamRequest: request, payload, wire } = prepared
  const { connections } = runtime
  const call = new UpstreamCall({ request, payload, target, wire, timeouts, connections })
  lifetime.stopAtEnd(call)
  record.call = call
  if (record.onSilent) call.deadline.watchSilence(record.onSilent.milliseconds, record.onSilent.run)
  record.reachedVendor = true
  return call
}

const responsePipeFor = (
  clientRequest: ClientRequest,
  { wire, vendorProtocol, shouldRememberThoughts }: PreparedRequest,
  target: Target,
  exchange: Exchange,
  { lifetime, runtime, conversation }: AttemptContext,
): ResponsePipe => {
  const patchResponse = wire.patchResponse?.[vendorProtocol]
  if (patchResponse) exchange.patchResponse = patchResponse
  exchange.failureCodes = wire.failureCodes
  const storeResponse = storeResponseFor({ clientRequest, conversation }, target, lifetime.record.owner, runtime)
  return { clientProtocol: clientRequest.protocol, vendorProtocol, exchange, shouldRememberThoughts, storeResponse }
}

/**
 * Throws the vendor's error. A vendor that answers 3xx or 4xx has not done any work, so the reserved tokens are given
 * back.
 * @throws GatewayError the vendor's error
 */
const failAttempt = async (call: UpstreamCall, pipe: ResponsePipe, record: AttemptRecord): Promise<never> => {
  const { status } = call.response
  if (status >= 300 && status < 500) record.reachedVendor = false
  return await throwVendorError(call, pipe)
}

/** Describes to the limits what a request needs. Each value is computed only when a limit reads it. */
class LazyAdmissionRequest implements AdmissionRequest {
  constructor(
    private readonly clientRequest: ClientRequest,
    private readonly lifetime: RequestLifetime,
    readonly arrival: number | undefined,
  ) {}

  get waited(): number {
    return this.lifetime.record.queueTime
  }

  get embedding(): boolean {
    return unaryTaskOf(this.clientRequest.protocol.id) === 'embedding'
  }
  get isClientGone(): boolean {
    return this.lifetime.endReason !== undefined
  }
  get signal(): AbortSignal {
    return this.lifetime.signal
  }
  tokens(): number {
    return this.clientRequest.json
      ? estimateTokens(this.clientRequest.protocol.reader, this.clientRequest.json.body)
      : 1000
  }
}

/**
 * Waits until one of the targets admits the request.
 * @param arrival the place in the queue of an earlier attempt
 * @throws GatewayError `limited`, or why no target can serve the request in time
 */
export const admitAttempt = async (
  clientRequest: ClientRequest,
  targets: readonly Target[],
  { lifetime, runtime }: AttemptContext,
  arrival: number | undefined,
): Promise<AttemptRecord> => {
  lifetime.throwIfEnded()
  const queuedAt = performance.now()
  const result = runtime.limits.admit(targets, new LazyAdmissionRequest(clientRequest, lifetime, arrival))
  if (!(result instanceof Promise)) return begin(result, lifetime)
  try {
    return begin(await result, lifetime)
  } finally {
    lifetime.record.queueTime += performance.now() - queuedAt
  }
}

/** Begins an attempt if one of the targets has capacity at once. */
export const tryAttempt = (
  clientRequest: ClientRequest,
  targets: readonly Target[],
  { lifetime, runtime }: AttemptContext,
): AttemptRecord | undefined => {
  const admission = runtime.limits.tryAdmit(targets, new LazyAdmissionRequest(clientRequest, lifetime, undefined))
  return admission && begin(admission, lifetime)
}

/** Begins an attempt although limits or the health of the target hold it back. */
export const forceAttempt = (
  clientRequest: ClientRequest,
  target: Target,
  { lifetime, runtime }: AttemptContext,
): AttemptRecord =>
  begin(runtime.limits.force(target, new LazyAdmissionRequest(clientRequest, lifetime, undefined)), lifetime)

const begin = (admission: Admission, lifetime: RequestLifetime): AttemptRecord => {
  const record = lifetime.beginAttempt(admission)
  lifetime.throwIfEnded()
  return record
}

const exchangeFor = (
  clientRequest: ClientRequest,
  plan: Plan,
  { target, noteLoss }: AttemptRecord,
  { lifetime, runtime }: AttemptContext,
): Exchange => ({
  id: clientRequest.protocol.idPrefix + lifetime.record.id.slice(4),
  created: Math.floor(Date.now() / 1000),
  model: plan.model,
  sealOrigin: sealOriginOf(target),
  seals: runtime.seals.forCaller(lifetime.record.owner),
  ...(clientRequest.json && { clientRequest: clientRequest.json.original ?? clientRequest.json.body }),
  usageRequested: clientRequest.usageRequested,
  loss: noteLoss,
  redact: runtime.redact,
})

const refuseLoss = ({ losses }: AttemptRecord, { runtime }: AttemptContext): void => {
  if (runtime.settings.onLoss !== 'refuse' || losses === undefined) return
  // Another target may carry it.
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${losses.join('; ')}`, {
    failure: { reason: 'ability' },
  })
}
