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
import { type ClientRequest, isUsageRefusal, type PreparedRequest, prepare, refusesUsage } from './build-request.ts'
import { type ResponsePipe, refuse } from './convert-response.ts'
import { keeperOf } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** One request on its way, beside what it asks. `said`: see `Course`. */
export type AttemptContext = { record: RequestRecord; runtime: Runtime; said?: Json[] | undefined }

/** An attempt that has its answer's head, and it is a good one. */
export type StartedAttempt = { answered: UpstreamResponse; pipe: ResponsePipe; target: Target }

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
    const preparing = prepare(clientRequest, target, exchange)
    const prepared = preparing instanceof Promise ? await preparing : preparing
    refuseLoss(context)
    const call = callFor(prepared, target, clientRequest.stream, context)
    try {
      await call.answered()
      context.record.check()
      const pipe = responsePipeFor(clientRequest, prepared, target, exchange, context)
      if (call.response.ok) return { answered: call, pipe, target }
      await refused(call, pipe, context)
    } catch (thrown) {
      noteFailure(thrown, context)
      if (!isUsageRefusal(thrown, prepared)) throw thrown
      refusesUsage(target)
    }
  }
}

/** Ready to be sent; the request ends with it, and it with the request. */
const callFor = (
  prepared: PreparedRequest,
  target: Target,
  stream: boolean,
  { record, runtime }: AttemptContext,
): UpstreamCall => {
  const { connect, firstByte, idle } = runtime.settings.timeouts
  const whole = !stream && target.entry.timeout !== undefined
  const terms = { connect, firstByte: target.entry.timeout ?? firstByte, idle, whole }
  record.check()
  const call = new UpstreamCall(prepared.outgoing, prepared.payload, target, prepared.wire, terms)
  record.cancellable = call
  record.reachedVendor = true
  return call
}

const responsePipeFor = (
  clientRequest: ClientRequest,
  { wire, speaks, remembers }: PreparedRequest,
  target: Target,
  exchange: Exchange,
  { record, runtime, said }: AttemptContext,
): ResponsePipe => {
  const mend = wire.patchResponse?.[speaks]
  if (mend) exchange.patchResponse = mend
  const keep = keeperOf({ clientRequest, said }, target, record.caller ?? '', runtime)
  return { client: clientRequest.protocol, speaks, exchange, remembers, keep }
}

/** A vendor that refuses has not worked. @throws its refusal */
const refused = async (call: UpstreamCall, pipe: ResponsePipe, { record }: AttemptContext): Promise<void> => {
  const { status } = call.response
  if (status >= 300 && status < 500) record.reachedVendor = false
  await refuse(call, pipe)
}

/** @throws what ended the request from outside, which comes before what it led to. */
const noteFailure = (thrown: unknown, { record }: AttemptContext): void => {
  if (thrown instanceof GatewayError && thrown.detail.unsent) record.reachedVendor = false
  record.check()
}

/** What a request wants of a target: worked out only as far as a limit asks. */
class Asking implements AdmissionRequest {
  constructor(
    private readonly clientRequest: ClientRequest,
    private readonly record: RequestRecord,
  ) {}

  get embedding(): boolean {
    return unaryKindOf(this.clientRequest.protocol.id) === 'embedding'
  }
  get gone(): boolean {
    return this.record.ended !== undefined
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
  record.check()
  const began = performance.now()
  const asked = runtime.limits.admit(plan.targets, new Asking(clientRequest, record))
  if (!(asked instanceof Promise)) return take(asked, record)
  return asked.then(grant => {
    record.queued += performance.now() - began
    return take(grant, record)
  })
}

const take = (grant: Admission, record: RequestRecord): Target => {
  record.holdLease(grant)
  record.check()
  return grant.target
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
  seals: runtime.seals.of(record.caller ?? ''),
  ...(clientRequest.json && { clientRequest: clientRequest.json.asked ?? clientRequest.json.body }),
  usageRequested: clientRequest.usageAsked,
  loss: record.loss,
  redact: runtime.redact,
})

const refuseLoss = ({ record, runtime }: AttemptContext): void => {
  if (runtime.settings.onLoss !== 'refuse' || record.losses === undefined) return
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${record.losses.join('; ')}`)
}
