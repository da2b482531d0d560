/** Runs seeded cases up to a count. The first case that breaks a guarantee is reported with its seed and its input. */
import { GatewayError } from '../../src/base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import type { Event } from '../../src/ir/event.ts'
import type { BatchParts, Egress, Frame, Ingress } from '../../src/protocols/protocol.ts'
import { checkEvents, exchangeFor } from '../contracts/protocol.ts'
import { seededRandom } from '../support/recordings.ts'
import { stopwatch } from '../support/stopwatch.ts'
import { containersIn, invent, mutate, mutateFrames, type Random } from './mutate.ts'

/** Maximum milliseconds for one input: far more than the slowest machine needs, far less than a hang. */
const maxMilliseconds = 1000
/** Maximum output in characters: per input character, and a fixed amount for every input. */
const maxGrowth = { perCharacter: 40, fixed: 20_000 }

export type Outcome = { cases: number; refused: number }

const fail = (what: string, seed: number, input: unknown, cause: unknown): never => {
  const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  throw new Error(`${what}, seed ${seed}: ${reason}\ninput: ${JSON.stringify(input)}`)
}

/**
 * Runs `count` cases with the seeds from `first` on. `attempt` returns the size of the output, or -1 if the input was
 * refused.
 */
export const runCases = <Input>(
  what: string,
  first: number,
  count: number,
  makeInput: (random: Random) => Input,
  attempt: (input: Input) => number,
): Outcome => {
  let refused = 0
  for (let seed = first; seed < first + count; seed++) {
    const input = makeInput(seededRandom(seed))
    const size = JSON.stringify(input).length
    const took = stopwatch()
    let out = 0
    try {
      out = attempt(input)
    } catch (thrown) {
      fail(what, seed, input, thrown)
    }
    if (took() > maxMilliseconds) fail(what, seed, input, `took ${Math.round(took())} ms`)
    if (out > size * maxGrowth.perCharacter + maxGrowth.fixed)
      fail(what, seed, input, `${out} characters came out of ${size}`)
    if (out < 0) refused++
  }
  return { cases: count, refused }
}

/** Returns -1 if `attempt` throws a GatewayError. */
export const sizeUnlessRefused = (attempt: () => number): number => {
  try {
    return attempt()
  } catch (thrown) {
    if (thrown instanceof GatewayError) return -1
    throw thrown
  }
}

export const sizeOf = (value: unknown): number => (JSON.stringify(value) ?? '').length

/** Mutated samples, and occasionally an invented body. */
export const requestMaker = (samples: readonly JsonObject[]): ((random: Random) => JsonObject) => {
  const pool = samples.flatMap(sample => containersIn(sample))
  return random => {
    const sample = samples[Math.floor(random() * samples.length)]
    const body = sample === undefined || random() < 0.05 ? invent(random) : mutate(sample, random, pool)
    return isObject(body) ? body : { ...sample, model: body }
  }
}

/**
 * Checks the body that is passed to a vendor without translation.
 * @throws Error if it is not an object, or if the client's body was modified
 */
export const checkPassed = ({ passthrough }: Pick<Ingress, 'passthrough'>, before: string, body: JsonObject): void => {
  if (JSON.stringify(body) !== before) throw new Error('the body was changed')
  const passed = passthrough.writeRequest(before, body, { model: 'vendor-model', requestUsage: true })
  if (!isObject(parseOrText(passed))) throw new Error(`what would be passed is no body: ${passed}`)
}

/**
 * Requests are checked as the gateway does, parsed, and rendered for each vendor. A request may be refused only by a
 * GatewayError.
 */
export const fuzzRequests = (
  ingress: Ingress,
  egresses: readonly Egress[],
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome => {
  let turn = 0
  return runCases(`a request of ${ingress.id}`, first, count, requestMaker(samples), body =>
    sizeUnlessRefused(() => {
      ingress.checkRequest(body)
      ingress.passthrough.readRequest(body)
      const before = JSON.stringify(body)
      const egress = egresses[turn++ % egresses.length]!
      const parts = bodiesOf(ingress.batch?.split(body, 1)) ?? [body]
      const rendered = parts.map(part => ingress.batch?.precomputed?.(part) ?? parseAndRender(ingress, egress, part))
      checkPassed(ingress, before, body)
      return sizeOf(rendered)
    }),
  )
}

/** The bodies of all parts of a batch. */
export const bodiesOf = (parts: BatchParts | undefined): JsonObject[] | undefined =>
  parts && Array.from({ length: parts.count }, (_, index) => parts.bodyAt(index))

const parseAndRender = (ingress: Ingress, egress: Egress, body: JsonObject) => {
  const chat = ingress.parseRequest(body, () => undefined)
  return [chat, egress.renderRequest(chat, exchangeFor())]
}

/** The events of a stream fulfil their guarantees, and every client's protocol can render them. */
export const fuzzStreams = (
  egress: Egress,
  ingresses: readonly Ingress[],
  samples: readonly (readonly Frame[])[],
  first: number,
  count: number,
): Outcome => {
  const others = samples.flat()
  const pool = others.slice(0, 400).flatMap(({ data }) => containersIn(parseOrText(data)))
  const makeInput = (random: Random): Frame[] => {
    const sample = samples[Math.floor(random() * samples.length)]!
    const isInvented = random() < 0.03
    return isInvented
      ? [{ data: JSON.stringify(invent(random)) }, ...sample]
      : mutateFrames(sample, random, others, pool)
  }
  let turn = 0
  return runCases(`a stream of ${egress.id}`, first, count, makeInput, frames => {
    const events: Event[] = []
    const parse = egress.parseStream(exchangeFor())(event => events.push(event))
    for (const frame of frames) {
      if (!events.some(isTerminal)) parse(frame)
    }
    if (!events.some(isTerminal)) parse(undefined)
    checkEvents(events)
    const ingress = ingresses[turn++ % ingresses.length]!
    let out = 0
    const render = ingress.renderStream(exchangeFor())(frame => {
      out += ingress.renderFrame(frame).length
    })
    renderAll(events, render)
    return events.reduce((sum, event) => sum + (event.type === 'delta' ? event.text.length : 20), out)
  })
}

/** Renders like the gateway: if the client's protocol rejects the answer, the stream ends with a fault. */
const renderAll = (events: readonly Event[], render: (event: Event | undefined) => void): void => {
  try {
    for (const event of events) render(event)
    if (events.at(-1)?.type !== 'fault') render(undefined)
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    render({ type: 'fault', error: thrown })
  }
}

/** The same streams, passed through to a client of the same protocol. */
export const fuzzPassthrough = (
  ingress: Ingress,
  samples: readonly (readonly Frame[])[],
  first: number,
  count: number,
): Outcome => {
  const others = samples.flat()
  const pool = others.slice(0, 400).flatMap(({ data }) => containersIn(parseOrText(data)))
  const makeInput = (random: Random): Frame[] =>
    mutateFrames(samples[Math.floor(random() * samples.length)]!, random, others, pool)
  return runCases(`a passed stream of ${ingress.id}`, first, count, makeInput, frames => {
    const pipe = ingress.passthrough.pipeStream(exchangeFor())
    let out = ''
    for (const frame of frames) if (!pipe.state.fault) out += pipe.push(frame) + pipe.flush()
    if (!pipe.state.fault) out += pipe.end()
    if (pipe.state.fault) out += pipe.fail(pipe.state.fault)
    if (out === '') throw new Error('the client was told nothing, not even a fault')
    return out.length
  })
}

/** Events after which the gateway reads no further. */
const isTerminal = ({ type }: Event): boolean => type === 'finish' || type === 'fault'

/** A complete answer is parsed and rendered, or refused. */
export const fuzzMessages = (
  egress: Egress,
  ingresses: readonly Ingress[],
  samples: readonly Json[],
  first: number,
  count: number,
): Outcome => {
  const pool = samples.flatMap(sample => containersIn(sample))
  const makeInput = (random: Random): Json =>
    random() < 0.03 ? invent(random) : mutate(samples[Math.floor(random() * samples.length)]!, random, pool)
  let turn = 0
  return runCases(`an answer of ${egress.id}`, first, count, makeInput, body =>
    sizeUnlessRefused(() => {
      const message = egress.parseMessage(structuredClone(body), exchangeFor())
      return sizeOf(message) + sizeOf(ingresses[turn++ % ingresses.length]!.renderMessage(message, exchangeFor()))
    }),
  )
}

const parseOrText = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
