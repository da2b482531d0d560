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
import type { Trail } from '../telemetry/request-record.ts'
import { type Answered, Call } from '../upstream/call.ts'
import { type Intake, isUsageRefusal, type Prepared, prepare, refusesUsage } from './build-request.ts'
import { refuse, type Way } from './convert-response.ts'
import { keeperOf } from './previous-response.ts'
import type { Runtime } from './runtime.ts'

/** One request on its way, beside what it asks. `said`: see `Course`. */
export type Journey = { trail: Trail; run: Runtime; said?: Json[] | undefined }

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
      journey.trail.check()
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
const callFor = (prepared: Prepared, target: Target, stream: boolean, { trail, run }: Journey): Call => {
  const { connect, firstByte, idle } = run.settings.timeouts
  const whole = !stream && target.entry.timeout !== undefined
  const terms = { connect, firstByte: target.entry.timeout ?? firstByte, idle, whole }
  trail.check()
  const call = new Call(prepared.outgoing, prepared.payload, target, prepared.wire, terms)
  trail.work = call
  trail.reached = true
  return call
}

const wayFor = (
  intake: Intake,
  { wire, speaks, remembers }: Prepared,
  target: Target,
  exchange: Exchange,
  { trail, run, said }: Journey,
): Way => {
  const mend = wire.patchResponse?.[speaks]
  if (mend) exchange.patchResponse = mend
  const keep = keeperOf({ intake, said }, target, trail.caller ?? '', run)
  return { client: intake.protocol, speaks, exchange, remembers, keep }
}

/** A vendor that refuses has not worked. @throws its refusal */
const refused = async (call: Call, way: Way, { trail }: Journey): Promise<void> => {
  const { status } = call.response
  if (status >= 300 && status < 500) trail.reached = false
  await refuse(call, way)
}

/** @throws what ended the request from outside, which comes before what it led to. */
const noteFailure = (thrown: unknown, { trail }: Journey): void => {
  if (thrown instanceof GatewayError && thrown.detail.unsent) trail.reached = false
  trail.check()
}

/** What a request wants of a target: worked out only as far as a limit asks. */
class Asking implements AdmissionRequest {
  constructor(
    private readonly intake: Intake,
    private readonly trail: Trail,
  ) {}

  get embedding(): boolean {
    return unaryKindOf(this.intake.protocol.id) === 'embedding'
  }
  get gone(): boolean {
    return this.trail.ended !== undefined
  }
  get signal(): AbortSignal {
    return this.trail.signal
  }
  tokens(): number {
    return this.intake.json ? estimateTokens(this.intake.json.body) : 1000
  }
}

/** At once where nobody need wait: a promise more is dear on the way of every request. */
const admit = (intake: Intake, plan: Plan, { trail, run }: Journey): Target | Promise<Target> => {
  trail.check()
  const began = performance.now()
  const asked = run.limits.admit(plan.targets, new Asking(intake, trail))
  if (!(asked instanceof Promise)) return take(asked, trail)
  return asked.then(grant => {
    trail.queued += performance.now() - began
    return take(grant, trail)
  })
}

const take = (grant: Admission, trail: Trail): Target => {
  trail.hold(grant)
  trail.check()
  return grant.target
}

const exchangeFor = (intake: Intake, plan: Plan, target: Target, { trail, run }: Journey): Exchange => ({
  id: intake.protocol.idPrefix + trail.id.slice(4),
  created: Math.floor(Date.now() / 1000),
  model: plan.model,
  target: sealOriginOf(target),
  seals: run.seals.of(trail.caller ?? ''),
  ...(intake.json && { clientRequest: intake.json.asked ?? intake.json.body }),
  usageRequested: intake.usageAsked,
  loss: trail.loss,
  redact: run.redact,
})

const refuseLoss = ({ trail, run }: Journey): void => {
  if (run.settings.onLoss !== 'refuse' || trail.losses === undefined) return
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${trail.losses.join('; ')}`)
}
