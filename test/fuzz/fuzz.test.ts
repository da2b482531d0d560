/**
 * Every protocol under random and mutated inputs: our own cases, and the recordings where their folder is. Nothing but a GatewayError is
 * thrown, nothing hangs, nothing grows without bound, and the events of a stream keep their promises. FUZZ_SEED and FUZZ_CASES choose others.
 */
import { expect, test } from 'bun:test'
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import { completions } from '../../src/protocols/completions/index.ts'
import { tokenCounters } from '../../src/protocols/count-tokens.ts'
import { ordinaryManner, translators } from '../../src/protocols/deepl/index.ts'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'
import { unaryEgressOf, unaryIngresses } from '../../src/protocols/registry.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { providers } from '../../src/providers/index.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { cases, question } from '../matrix/cases.ts'
import { byHand } from '../matrix/hand.ts'
import { askers, clientRequest, framesOf, tellers } from '../matrix/pair.ts'
import { type Recording, recordings } from '../support/recordings.ts'
import { fuzzMessages, fuzzPasses, fuzzRequests, fuzzStreams, type Outcome } from './run.ts'
import { counts, questions, answers as singleAnswers } from './samples.ts'
import { fuzzAnswers, fuzzAsks, fuzzCounted, fuzzCounts } from './single.ts'

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

/** Clients of the elder Completions and of translations: a chat answers them. */
const others: readonly Ingress[] = [completions, ...translators(ordinaryManner).values()]
const ingresses: readonly Ingress[] = [...askers.map(({ protocol }) => protocol), ...others]
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

const requestsBy = (asker: (typeof askers)[number]): JsonObject[] =>
  requestsOf(
    asker.protocol.id,
    cases.map(one => clientRequest(asker, one.asks ?? question).body),
  )

const asking: [id: string, ingress: Ingress, samples: () => JsonObject[]][] = [
  ...askers.map((asker): [string, Ingress, () => JsonObject[]] => [
    asker.protocol.id,
    asker.protocol,
    () => requestsBy(asker),
  ]),
  ...others.map((other): [string, Ingress, () => JsonObject[]] => [other.id, other, () => questions[other.id]!]),
]

test.each(asking)(
  'requests of %s',
  (id, ingress, samples) => {
    told(id, fuzzRequests(ingress, egresses, samples(), first, share(0.37, asking.length)))
  },
  patience,
)

test.each(tellers.map(teller => [teller.egress.id, teller] as const))(
  'streams of %s',
  (id, { egress, vendor }) => {
    const own = answers.map(vendor.frames)
    told(id, fuzzStreams(egress, ingresses, streamsOf(id, own), first, share(0.3, tellers.length)))
  },
  patience,
)

/** Streams of the elder Completions, as this gateway tells them. */
const textStreams = (): Frame[][] => {
  const { egress, vendor } = tellers.find(teller => teller.egress.id === 'openai-chat') as (typeof tellers)[number]
  return answers.map(answer => {
    const pipe = translateStream(completions, egress, exchangeFor())
    const text = vendor.frames(answer).map(frame => pipe.push(frame))
    return framesOf(text.join('') + pipe.end())
  })
}

const passing: [id: string, ingress: Ingress, samples: () => Frame[][]][] = [
  ...askers.map(({ protocol }): [string, Ingress, () => Frame[][]] => {
    const { vendor } = tellers.find(({ egress }) => egress.id === protocol.id)!
    return [protocol.id, protocol, () => streamsOf(protocol.id, answers.map(vendor.frames))]
  }),
  [completions.id, completions, textStreams],
]

test.each(passing)(
  'passed streams of %s',
  (id, ingress, samples) => told(id, fuzzPasses(ingress, samples(), first, share(0.1, passing.length))),
  patience,
)

test.each(tellers.map(teller => [teller.egress.id, teller] as const))(
  'whole answers of %s',
  (id, { egress, vendor }) => {
    const own = answers.map(vendor.whole)
    told(id, fuzzMessages(egress, ingresses, wholesOf(id, own), first, share(0.13, tellers.length)))
  },
  patience,
)

const vendorsOf = (kind: string) =>
  Object.keys(singleAnswers)
    .map(id => unaryEgressOf(id)!)
    .filter(vendor => vendor.kind === kind)

test.each([...unaryIngresses])('questions of %s', (id, client) => {
  told(id, fuzzAsks(client, vendorsOf(client.kind), questions[id]!, first, share(0.05, unaryIngresses.size)))
})

test.each(Object.entries(singleAnswers))('answers of %s', (id, answer) => {
  const vendor = unaryEgressOf(id)!
  const clients = [...unaryIngresses.values()].filter(({ kind }) => kind === vendor.kind)
  const asked = clients.flatMap(client => questions[client.id]!.map(body => ({ client, body })))
  told(id, fuzzAnswers(vendor, asked, [answer], first, share(0.04, Object.keys(singleAnswers).length)))
})

test.each([...tokenCounters])('counts of %s', (id, counting) => {
  const own = requestsBy(askers.find(({ protocol }) => protocol.id === counting.protocol.id)!)
  const wrapped = id === 'gemini/countTokens' ? own.map(body => ({ generateContentRequest: body })) : []
  told(id, fuzzCounts(counting, [...own, ...wrapped], first, share(0.008, tokenCounters.size)))
  told(id, fuzzCounted(counting, [counts[id]!], first, share(0.002, tokenCounters.size)))
})

test('none that a vendor speaks is left out', () => {
  const spoken = [...providers.values()].flatMap(({ paths, variants = [] }) =>
    [paths, ...variants.map(variant => ('paths' in variant && variant.paths) || {})].flatMap(Object.keys),
  )
  const singles = new Set(spoken.filter(id => unaryEgressOf(id)))
  expect(Object.keys(singleAnswers).toSorted()).toEqual([...singles].toSorted())
})
