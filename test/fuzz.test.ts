/**
 * Every protocol under random and mutated inputs: our own cases, and the recordings where their folder is. Nothing but a GatewayError is
 * thrown, nothing hangs, nothing grows without bound, and the events of a stream keep their promises. FUZZ_SEED and FUZZ_CASES choose others.
 */
import { expect, test } from 'bun:test'
import { isObject, type Json, type JsonObject } from '../src/ir/json.ts'
import type { Frame } from '../src/protocols/protocol.ts'
import { fuzzMessages, fuzzPasses, fuzzRequests, fuzzStreams, type Outcome } from './fuzz/run.ts'
import { cases, question } from './pairs/cases.ts'
import { byHand } from './pairs/hand.ts'
import { askers, clientRequest, framesOf, tellers } from './pairs/pair.ts'
import { type Recording, recordings } from './recordings.ts'

const first = Number(process.env['FUZZ_SEED'] ?? 1)
const wanted = Number(process.env['FUZZ_CASES'] ?? 100_000)

/** How the recordings name the protocols. */
const apis: Record<string, string> = {
  'openai-chat': 'chat-completions',
  'openai-responses': 'responses',
  anthropic: 'anthropic-messages',
  gemini: 'gemini-generate',
}
/** Large ones would take the time of many small ones. */
const isSmall = ({ text }: Recording): boolean => text.length < 20_000
const recorded = (id: string): Recording[] =>
  (apis[id] === undefined ? [] : recordings(apis[id])).filter(one => isSmall(one) && (one.status ?? 200) < 400)

/** Milliseconds a test may take on a machine that is busy. */
const patience = 120_000

const ingresses = askers.map(({ protocol }) => protocol)
const egresses = tellers.map(({ egress }) => egress)
const answers = cases.flatMap(one => (one.answers ? [one.answers] : []))

const streamsOf = (id: string, frames: Frame[][]): Frame[][] => [
  ...frames,
  ...recorded(id)
    .filter(({ events }) => events)
    .map(({ text }) => framesOf(text)),
]
const wholesOf = (id: string, own: Json[]): Json[] => [
  ...own,
  ...recorded(id)
    .filter(({ events, text }) => !events && text.startsWith('{'))
    .map(({ text }) => JSON.parse(text) as Json),
]
const requestsOf = (id: string, own: JsonObject[]): JsonObject[] => [
  ...own,
  ...Object.values(byHand[id] ?? {}),
  ...recorded(id)
    .map(({ request }) => request)
    .filter((body): body is JsonObject => isObject(body) && JSON.stringify(body).length < 20_000),
]

test('a promise that is broken is told with its seed and its input', () => {
  const { protocol } = askers[0]!
  const broken = { ...protocol, parseRequest: () => JSON.parse('{') as never }
  const samples = cases.map(one => clientRequest(askers[0]!, one.asks ?? question).body)
  expect(() => fuzzRequests(broken, egresses, samples, 1, 500)).toThrow(/seed \d+: SyntaxError[\s\S]*input: \{/)
  const endless = { ...protocol, parseStream: () => () => () => undefined }
  expect(() => fuzzStreams(endless, ingresses, answers.map(tellers[0]!.vendor.frames), 1, 1)).toThrow(/seed 1/)
})

/** Each protocol gets its share of the cases; streams, where most can go wrong, the largest. */
const share = (part: number, count: number) => Math.ceil((wanted * part) / count)

const told = (what: string, { cases: count, refused }: Outcome): void => {
  expect(count).toBeGreaterThan(0)
  expect(refused).toBeLessThan(count)
  if (process.env['FUZZ_TELL']) console.log(`${what}: ${count} cases, ${refused} refused`)
}

test.each(askers.map(asker => [asker.protocol.id, asker] as const))(
  'requests of %s',
  (id, asker) => {
    const own = cases.map(one => clientRequest(asker, one.asks ?? question).body)
    told(id, fuzzRequests(asker.protocol, egresses, requestsOf(id, own), first, share(0.4, askers.length)))
  },
  patience,
)

test.each(tellers.map(teller => [teller.egress.id, teller] as const))(
  'streams of %s',
  (id, { egress, vendor }) => {
    const own = answers.map(vendor.frames)
    told(id, fuzzStreams(egress, ingresses, streamsOf(id, own), first, share(0.35, tellers.length)))
  },
  patience,
)

test.each(askers.map(({ protocol }) => [protocol.id, protocol] as const))(
  'passed streams of %s',
  (id, protocol) => {
    const { vendor } = tellers.find(({ egress }) => egress.id === id)!
    told(id, fuzzPasses(protocol, streamsOf(id, answers.map(vendor.frames)), first, share(0.1, askers.length)))
  },
  patience,
)

test.each(tellers.map(teller => [teller.egress.id, teller] as const))(
  'whole answers of %s',
  (id, { egress, vendor }) => {
    const own = answers.map(vendor.whole)
    told(id, fuzzMessages(egress, ingresses, wholesOf(id, own), first, share(0.15, tellers.length)))
  },
)
