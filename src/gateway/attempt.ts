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
import { type Answered, Call } from '../upstream/call.ts'
import { type Intake, isUsageRefusal, type Prepared, prepare, refusesUsage } from './build-request.ts'
import { refuse, type Way } from './convert-response.ts'
import { keeperOf } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** One request on its way, beside what it asks. `said`: see `Course`. */
export type Journey = { record: RequestRecord; run: Runtime; said?: Json[] | undefined }

/** An attempt that has its answer's head, and it is a good one. */
export type Begun = { answered: Answered; way: Way; target: Target }

/**
 * admit → prepare → call: one attempt, up to the head of a good answer. @throws the vendor's refusal, `limited`, `upstream_failed`,
 * `upstream_timeout`, and `invalid_request` where the target cannot be asked for this.
 */
export const attempt = async (intake: Intake, plan: Plan, journey: Journey): Promise<Begun> => {
  const admitted = admit(intake, plan, journey)
  const target = admitted instanceof Promise ? await admitted : admitted
  const exchange = exchangeFor(intake, plan, target, journey)
  for (;;) {
    const preparing = prepare(intake, target, exchange)
    const prepared = preparing instanceof Promise ? await preparing : preparing
    refuseLoss(journey)
    const call = callFor(prepared, target, intake.stream, journey)
    try {
      await call.answered()
      journey.record.check()
      const way = wayFor(intake, prepared, target, exchange, journey)
      if (call.response.ok) return { answered: call, way, target }
      await refused(call, way, journey)
    } catch (thrown) {
      noteFailure(thrown, journey)
      if (!isUsageRefusal(thrown, prepared)) throw thrown
      refusesUsage(target)
    }
  }
}

/** Ready to be sent; the request ends with it, and it with the request. */
const callFor = (prepared: Prepared, target: Target, stream: boolean, { record, run }: Journey): Call => {
  const { connect, firstByte, idle } = run.settings.timeouts
  const whole = !stream && target.entry.timeout !== undefined
  const terms = { connect, firstByte: target.entry.timeout ?? firstByte, idle, whole }
  record.check()
  const call = new Call(prepared.outgoing, prepared.payload, target, prepared.wire, terms)
  record.cancellable = call
  record.reachedVendor = true
  return call
}

const wayFor = (
  intake: Intake,
  { wire, speaks, remembers }: Prepared,
  target: Target,
  exchange: Exchange,
  { record, run, said }: Journey,
): Way => {
  const mend = wire.patchResponse?.[speaks]
  if (mend) exchange.patchResponse = mend
  const keep = keeperOf({ intake, said }, target, record.caller ?? '', run)
  return { client: intake.protocol, speaks, exchange, remembers, keep }
}

/** A vendor that refuses has not worked. @throws its refusal */
const refused = async (call: Call, way: Way, { record }: Journey): Promise<void> => {
  const { status } = call.response
  if (status >= 300 && status < 500) record.reachedVendor = false
  await refuse(call, way)
}

/** @throws what ended the request from outside, which comes before what it led to. */
const noteFailure = (thrown: unknown, { record }: Journey): void => {
  if (thrown instanceof GatewayError && thrown.detail.unsent) record.reachedVendor = false
  record.check()
}

/** What a request wants of a target: worked out only as far as a limit asks. */
class Asking implements AdmissionRequest {
  constructor(
    private readonly intake: Intake,
    private readonly record: RequestRecord,
  ) {}

  get embedding(): boolean {
    return unaryKindOf(this.intake.protocol.id) === 'embedding'
  }
  get gone(): boolean {
    return this.record.ended !== undefined
  }
  get signal(): AbortSignal {
    return this.record.signal
  }
  tokens(): number {
    return this.intake.json ? estimateTokens(this.intake.json.body) : 1000
  }
}

/** At once where nobody need wait: a promise more is dear on the way of every request. */
const admit = (intake: Intake, plan: Plan, { record, run }: Journey): Target | Promise<Target> => {
  record.check()
  const began = performance.now()
  const asked = run.limits.admit(plan.targets, new Asking(intake, record))
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

const exchangeFor = (intake: Intake, plan: Plan, target: Target, { record, run }: Journey): Exchange => ({
  id: intake.protocol.idPrefix + record.id.slice(4),
  created: Math.floor(Date.now() / 1000),
  model: plan.model,
  target: sealOriginOf(target),
  seals: run.seals.of(record.caller ?? ''),
  ...(intake.json && { clientRequest: intake.json.asked ?? intake.json.body }),
  usageRequested: intake.usageAsked,
  loss: record.loss,
  redact: run.redact,
})

const refuseLoss = ({ record, run }: Journey): void => {
  if (run.settings.onLoss !== 'refuse' || record.losses === undefined) return
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${record.losses.join('; ')}`)
}
