/**
 * The life of a request:
 *   intake → authenticate → plan → ( admit → pass | adjust | translate → call → peek )* → relay → trail.close
 */
import type { Auth } from './auth.ts'
import { presentedKeys } from './auth.ts'
import type { Compiled } from './config/compiled.ts'
import { goOn, keeperOf } from './conversation.ts'
import { counted } from './counting.ts'
import { asGatewayError, GatewayError } from './errors.ts'
import type { Json, JsonObject } from './ir/json.ts'
import { estimateTokens } from './limits/estimate.ts'
import type { Ask, Grant, Limits } from './limits/limits.ts'
import { isCounting } from './protocols/count.ts'
import type { Exchange, Ingress, PassOnly } from './protocols/protocol.ts'
import { seatOf } from './providers/address.ts'
import type { Target } from './providers/entry.ts'
import type { Records, Trail } from './record.ts'
import type { Caller, Plan, Router } from './routing/plan.ts'
import { preferring, sealedAt } from './routing/seats.ts'
import { affinityOf } from './routing/targets.ts'
import type { Scrub } from './scrub.ts'
import type { AnswerStore } from './store/answers.ts'
import type { SealStore } from './store/seals.ts'
import { openStream, readWhole, refuse, type Way } from './upstream/answer.ts'
import { type Answered, Call } from './upstream/call.ts'
import { addressOf, readJson } from './upstream/intake.ts'
import { mediaOf } from './upstream/localise.ts'
import { isMultipart, readUpload } from './upstream/multipart.ts'
import { type Intake, isUsageRefusal, type Prepared, prepare, refusesUsage } from './upstream/outgoing.ts'
import { Relay } from './upstream/relay.ts'
import { answerHeaders } from './upstream/reply.ts'

/** Everything a request needs, built whole from one configuration and replaced in one assignment. */
export type Runtime = {
  settings: Compiled
  auth: Auth
  router: Router
  limits: Limits
  records: Records
  seals: SealStore
  answers: AnswerStore
  scrub: Scrub
}

/** What the address of a request says: its protocol, and the model and whether to stream where the address tells them. */
export type Operation = { protocol: Ingress | PassOnly; model?: string | undefined; stream?: boolean; query: string }

/** The connection a request came by. */
export type Connection = {
  /** The whole request is here: from now on only our own deadlines end it. */
  wait: () => void
  /** The client's address. */
  address: () => string | undefined
}

/** Answers one request; never throws. The trail closes when the answer is over, the client leaves, or the request fails. */
export const serve = async (
  request: Request,
  operation: Operation,
  connection: Connection,
  run: Runtime,
): Promise<Response> => {
  const trail = run.records.begin(request.method, addressOf(request).path)
  request.signal.addEventListener('abort', trail.cancel)
  try {
    const caller = run.auth.identify(presentedKeys(request.headers, operation.query))
    trail.caller = caller.id
    trail.reportsLosses = request.headers.get('x-report-losses') === '1'
    const asked = await readIntake(request, operation, trail, run)
    connection.wait()
    const planned = planFor(asked, caller, run)
    trail.model = planned.model
    const counting = counted(asked, planned)
    if ('guess' in counting) return told(counting.guess, trail, run)
    const { intake, plan, earlier } = goOn(asked, counting, caller.id, run)
    return await (intake.stream ? answerStream : answerWhole)(intake, plan, { trail, run, earlier })
  } catch (thrown) {
    const error = trail.ended ?? asGatewayError(thrown)
    if (error.code === 'unauthorized') trail.address = connection.address()
    return explain(error, operation.protocol, trail, run)
  }
}

/** One request on its way, beside what it asks. */
type Journey = { trail: Trail; run: Runtime; earlier: Json[] }

/** intake: the body, checked, and its head. */
const readIntake = async (request: Request, operation: Operation, trail: Trail, run: Runtime): Promise<Intake> => {
  const { protocol } = operation
  const { maxBody, logPrompts } = run.settings
  const { headers } = request
  if (isMultipart(headers)) {
    const upload = await readUpload(request, maxBody)
    return { protocol, headers, model: operation.model ?? upload.model, stream: false, usageAsked: false, upload }
  }
  const json = await readJson(request, maxBody)
  protocol.checkRequest(json.body)
  if (logPrompts) trail.prompt = json.text
  const head = protocol.watch.readRequest(json.body)
  const stream = operation.stream ?? head.stream
  trail.stream = stream
  const fetchMedia = mediaOf(run.settings.media, json.body, () => trail.signal)
  return { protocol, headers, ...head, stream, model: operation.model ?? head.model, json, fetchMedia }
}

const planFor = (intake: Intake, caller: Caller, run: Runtime): Plan => {
  const plan = run.router.plan({
    model: intake.model,
    protocol: isCounting(intake.protocol) ? intake.protocol.of.id : intake.protocol.id,
    caller,
    affinity: () => affinityOf(intake.json?.body ?? {}, caller, intake.model ?? ''),
  })
  const seat = plan.targets.length > 1 && intake.json ? sealedAt(intake.json.text) : undefined
  return seat === undefined ? plan : preferring(plan, seat)
}

/** An attempt that has its answer's head, and it is a good one. */
type Begun = { answered: Answered; way: Way; target: Target }

/** admit → prepare → call: one attempt, up to the head of a good answer. */
const attempt = async (intake: Intake, plan: Plan, journey: Journey): Promise<Begun> => {
  const admitted = admit(intake, plan, journey)
  const target = admitted instanceof Promise ? await admitted : admitted
  const exchange = exchangeFor(intake, plan, target, journey)
  const preparing = prepare(intake, target, exchange)
  const prepared = preparing instanceof Promise ? await preparing : preparing
  refuseLoss(journey)
  try {
    return await ask(intake, prepared, target, exchange, journey)
  } catch (refusal) {
    if (!isUsageRefusal(refusal, prepared)) throw refusal
    refusesUsage(target)
    return ask(intake, await prepare(intake, target, exchange), target, exchange, journey)
  }
}

/** call: once. @throws the vendor's refusal, `upstream_failed`, `upstream_timeout`. */
const ask = async (
  intake: Intake,
  prepared: Prepared,
  target: Target,
  exchange: Exchange,
  journey: Journey,
): Promise<Begun> => {
  const { speaks, remembers } = prepared
  const { trail, run, earlier } = journey
  const answered = await send(prepared, target, intake.stream, journey)
  const keep = keeperOf({ intake, earlier }, target, trail.caller ?? '', run)
  const way: Way = {
    client: intake.protocol,
    speaks,
    exchange: { ...exchange, ...mendOf(prepared) },
    remembers,
    keep,
  }
  // A vendor that refuses has not worked.
  if (answered.response.status >= 300 && answered.response.status < 500) trail.reached = false
  if (!answered.response.ok) await refuse(answered, way).finally(() => trail.check())
  return { answered, way, target }
}

/** What a request wants of a target: worked out only as far as a limit asks. */
class Asking implements Ask {
  constructor(
    private readonly intake: Intake,
    private readonly trail: Trail,
  ) {}

  get embedding(): boolean {
    return this.intake.protocol.id === 'embeddings'
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

const take = (grant: Grant, trail: Trail): Target => {
  trail.hold(grant)
  trail.check()
  return grant.target
}

const send = async (
  prepared: Prepared,
  target: Target,
  stream: boolean,
  { trail, run }: Journey,
): Promise<Answered> => {
  const { outgoing, payload, wire } = prepared
  const { connect, firstByte } = run.settings.timeouts
  const whole = !stream && target.entry.timeout !== undefined
  const terms = { connect, firstByte: target.entry.timeout ?? firstByte, whole }
  trail.check()
  const call = new Call(outgoing, payload, target, wire, terms)
  trail.stop = call.stop
  trail.reached = true
  try {
    return await call.answered()
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.detail.unsent) trail.reached = false
    throw thrown
  } finally {
    trail.check()
  }
}

/** relay: a stream is answered as soon as it is committed, or at the first heartbeat. */
const answerStream = (intake: Intake, plan: Plan, journey: Journey): Promise<Response> => {
  const { trail, run } = journey
  const { protocol } = intake
  const opening = attempt(intake, plan, journey).then(({ answered, way }) =>
    openStream(answered, way, run.settings.timeouts.idle, source => {
      trail.stop = error => {
        source.cancel()
        answered.stop()
        relay.stop(error)
      }
    }),
  )
  const relay = new Relay(trail, relayTerms(protocol, journey), opening)
  return relay.answer
}

const relayTerms = (protocol: Ingress | PassOnly, { trail, run }: Journey) => ({
  heartbeat: run.settings.heartbeat,
  sign: protocol.heartbeat ?? ': heartbeat\n\n',
  type: protocol.streamType ?? 'text/event-stream; charset=utf-8',
  fail: (error: GatewayError) => protocol.renderFault(error),
  headers: (type: string, vendor?: Headers) => answerHeaders(trail, type, run.scrub, vendor),
})

const answerWhole = async (intake: Intake, plan: Plan, journey: Journey): Promise<Response> => {
  const { trail, run } = journey
  const { answered, way, target } = await attempt(intake, plan, journey)
  const idle = target.entry.timeout === undefined ? run.settings.timeouts.idle : undefined
  const whole = await readWhole(answered, way, idle, trail).finally(() => trail.check())
  trail.usage = whole.usage
  trail.first = performance.now() - trail.started
  if (typeof whole.body === 'string') trail.close()
  return new Response(whole.body, { headers: answerHeaders(trail, whole.type, run.scrub, answered.response.headers) })
}

/** What the gateway can say by itself. */
const told = (body: JsonObject, trail: Trail, run: Runtime): Response => {
  trail.close()
  return new Response(JSON.stringify(body), { headers: answerHeaders(trail, 'application/json', run.scrub) })
}

const explain = (error: GatewayError, protocol: Ingress | PassOnly, trail: Trail, run: Runtime): Response => {
  trail.close({ error })
  const headers = answerHeaders(trail, 'application/json', run.scrub)
  if (error.detail.retryAfter !== undefined) headers.set('retry-after', String(Math.ceil(error.detail.retryAfter)))
  return new Response(JSON.stringify(protocol.renderError(error)), { status: error.status, headers })
}

const exchangeFor = (intake: Intake, plan: Plan, target: Target, { trail, run }: Journey): Exchange => ({
  id: intake.protocol.idPrefix + trail.id.slice(4),
  created: Math.floor(Date.now() / 1000),
  model: plan.model,
  target: seatOf(target),
  seals: run.seals.of(trail.caller ?? ''),
  ...(intake.json && { asked: intake.json.asked ?? intake.json.body }),
  usageAsked: intake.usageAsked,
  loss: trail.loss,
  scrub: run.scrub,
})

const mendOf = ({ wire, speaks }: Prepared): Pick<Exchange, 'mend'> => {
  const mend = wire.mend?.[speaks]
  return mend ? { mend } : {}
}

const refuseLoss = ({ trail, run }: Journey): void => {
  if (run.settings.onLoss !== 'refuse' || trail.losses === undefined) return
  throw new GatewayError('invalid_request', `the target cannot carry all of the request: ${trail.losses.join('; ')}`)
}
