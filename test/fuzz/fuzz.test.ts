/**
 * Fuzzes every protocol with random and mutated inputs, made from our own cases and from the recordings if their folder
 * exists. Nothing but a GatewayError is thrown, nothing hangs, nothing grows without bound, and the events of a stream
 * fulfil their guarantees. FUZZ_SEED and FUZZ_CASES select other cases.
 */
import { expect, test } from 'bun:test'
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import { completions } from '../../src/protocols/completions/index.ts'
import { tokenCounters } from '../../src/protocols/count-tokens.ts'
import { defaultTranslationOptions, translationProtocols } from '../../src/protocols/deepl/index.ts'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'
import { clientProtocols, unaryEgressOf } from '../../src/protocols/registry.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { providers } from '../../src/providers/index.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { cases, question } from '../matrix/cases.ts'
import { handwrittenRequests } from '../matrix/handwritten-requests.ts'
import { clientRequest, clientSides, parseFrames, vendorSides } from '../matrix/pair.ts'
import { type Recording, recordings } from '../support/recordings.ts'
import { fuzzMessages, fuzzPassthrough, fuzzRequests, fuzzStreams, type Outcome } from './run.ts'
import { countSamples, requestSamples, responseSamples as singleAnswers } from './samples.ts'
import { fuzzCountRequests, fuzzCountResponses, fuzzUnaryRequests, fuzzUnaryResponses } from './single.ts'

const firstSeed = Number(process.env['FUZZ_SEED'] ?? 1)
const caseCount = Number(process.env['FUZZ_CASES'] ?? 100_000)

/** The names of the protocols in the recordings. */
const recordingNames: Record<string, string> = {
  'openai-chat': 'chat-completions',
  'openai-responses': 'responses',
  anthropic: 'anthropic-messages',
  gemini: 'gemini-generate',
}
/** Large recordings would take the time of many small ones. */
const isSmall = ({ text }: Recording): boolean => text.length < 20_000
const recorded = (id: string): Recording[] =>
  (recordingNames[id] === undefined ? [] : recordings(recordingNames[id])).filter(
    one => isSmall(one) && (one.status ?? 200) < 400,
  )

/** Timeout of a test in milliseconds on a busy machine. */
const timeoutMs = 120_000

/** Clients of legacy Completions and of translations, which are answered by a chat. */
const translatedIngresses: readonly Ingress[] = [
  completions,
  ...translationProtocols(defaultTranslationOptions).values(),
]
const ingresses: readonly Ingress[] = [...clientSides.map(({ protocol }) => protocol), ...translatedIngresses]
const egresses = vendorSides.map(({ egress }) => egress)
const answers = cases.flatMap(one => (one.answer ? [one.answer] : []))

const streamsOf = (id: string, frames: Frame[][]): Frame[][] => [
  ...frames,
  ...recorded(id)
    .filter(({ isEventStream }) => isEventStream)
    .map(({ text }) => parseFrames(text)),
]
const messagesOf = (id: string, fixtures: Json[]): Json[] => [
  ...fixtures,
  ...recorded(id)
    .filter(({ isEventStream, text }) => !isEventStream && text.startsWith('{'))
    .map(({ text }) => JSON.parse(text) as Json),
]
const requestsOf = (id: string, fixtures: JsonObject[]): JsonObject[] => [
  ...fixtures,
  ...Object.values(handwrittenRequests[id] ?? {}),
  ...recorded(id)
    .map(({ request }) => request)
    .filter((body): body is JsonObject => isObject(body) && JSON.stringify(body).length < 20_000),
]

test('a broken guarantee is reported with its seed and its input', () => {
  const { protocol } = clientSides[0]!
  const throwing = { ...protocol, parseRequest: () => JSON.parse('{') as never }
  const samples = cases.map(one => clientRequest(clientSides[0]!, one.request ?? question).body)
  expect(() => fuzzRequests(throwing, egresses, samples, 1, 500)).toThrow(/seed \d+: SyntaxError[\s\S]*input: \{/)
  const endless = { ...protocol, parseStream: () => () => () => undefined }
  expect(() => fuzzStreams(endless, ingresses, answers.map(vendorSides[0]!.vendor.renderStream), 1, 1)).toThrow(
    /seed 1/,
  )
})

/** Each protocol gets its share of the cases. Streams get the largest share because they can fail in the most ways. */
const share = (part: number, count: number) => Math.ceil((caseCount * part) / count)

const report = (what: string, { cases: count, refused }: Outcome): void => {
  expect(count).toBeGreaterThan(0)
  expect(refused).toBeLessThan(count)
  if (process.env['FUZZ_TELL']) console.log(`${what}: ${count} cases, ${refused} refused`)
}

const requestsBy = (asker: (typeof clientSides)[number]): JsonObject[] =>
  requestsOf(
    asker.protocol.id,
    cases.map(one => clientRequest(asker, one.request ?? question).body),
  )

const requestCases: [id: string, ingress: Ingress, samples: () => JsonObject[]][] = [
  ...clientSides.map((asker): [string, Ingress, () => JsonObject[]] => [
    asker.protocol.id,
    asker.protocol,
    () => requestsBy(asker),
  ]),
  ...translatedIngresses.map((ingress): [string, Ingress, () => JsonObject[]] => [
    ingress.id,
    ingress,
    () => requestSamples[ingress.id]!,
  ]),
]

test.each(requestCases)(
  'requests of %s survive fuzzing',
  (id, ingress, samples) => {
    report(id, fuzzRequests(ingress, egresses, samples(), firstSeed, share(0.37, requestCases.length)))
  },
  timeoutMs,
)

test.each(vendorSides.map(teller => [teller.egress.id, teller] as const))(
  'streams of %s survive fuzzing',
  (id, { egress, vendor }) => {
    const fixtures = answers.map(vendor.renderStream)
    report(id, fuzzStreams(egress, ingresses, streamsOf(id, fixtures), firstSeed, share(0.3, vendorSides.length)))
  },
  timeoutMs,
)

/** Streams of legacy Completions as rendered by the gateway. */
const textStreams = (): Frame[][] => {
  const { egress, vendor } = vendorSides.find(
    teller => teller.egress.id === 'openai-chat',
  ) as (typeof vendorSides)[number]
  return answers.map(answer => {
    const pipe = translateStream(completions, egress, exchangeFor())
    const text = vendor.renderStream(answer).map(frame => pipe.push(frame))
    return parseFrames(text.join('') + pipe.end())
  })
}

const passthroughCases: [id: string, ingress: Ingress, samples: () => Frame[][]][] = [
  ...clientSides.map(({ protocol }): [string, Ingress, () => Frame[][]] => {
    const { vendor } = vendorSides.find(({ egress }) => egress.id === protocol.id)!
    return [protocol.id, protocol, () => streamsOf(protocol.id, answers.map(vendor.renderStream))]
  }),
  [completions.id, completions, textStreams],
]

test.each(passthroughCases)(
  'passed streams of %s survive fuzzing',
  (id, ingress, samples) =>
    report(id, fuzzPassthrough(ingress, samples(), firstSeed, share(0.1, passthroughCases.length))),
  timeoutMs,
)

test.each(vendorSides.map(teller => [teller.egress.id, teller] as const))(
  'complete answers of %s survive fuzzing',
  (id, { egress, vendor }) => {
    const fixtures = answers.map(vendor.renderMessage)
    report(id, fuzzMessages(egress, ingresses, messagesOf(id, fixtures), firstSeed, share(0.13, vendorSides.length)))
  },
  timeoutMs,
)

const vendorsOf = (task: string) =>
  Object.keys(singleAnswers)
    .map(id => unaryEgressOf(id)!)
    .filter(vendor => vendor.task === task)
const unaryIngresses = [...clientProtocols.values()].filter(protocol => protocol.kind === 'unary')

test.each(unaryIngresses.map(client => [client.id, client] as const))(
  'unary requests of %s survive fuzzing',
  (id, client) => {
    const amount = share(0.05, unaryIngresses.length)
    report(id, fuzzUnaryRequests(client, vendorsOf(client.task), requestSamples[id]!, firstSeed, amount))
  },
)

test.each(Object.entries(singleAnswers))('unary answers of %s survive fuzzing', (id, answer) => {
  const vendor = unaryEgressOf(id)!
  const clients = unaryIngresses.filter(({ task }) => task === vendor.task)
  const requests = clients.flatMap(client => requestSamples[client.id]!.map(body => ({ client, body })))
  report(id, fuzzUnaryResponses(vendor, requests, [answer], firstSeed, share(0.04, Object.keys(singleAnswers).length)))
})

test.each([...tokenCounters])('token counts of %s survive fuzzing', (id, counter) => {
  const fixtures = requestsBy(clientSides.find(({ protocol }) => protocol.id === counter.protocol.id)!)
  const wrapped = id === 'gemini/countTokens' ? fixtures.map(body => ({ generateContentRequest: body })) : []
  report(id, fuzzCountRequests(counter, [...fixtures, ...wrapped], firstSeed, share(0.008, tokenCounters.size)))
  report(id, fuzzCountResponses(counter, [countSamples[id]!], firstSeed, share(0.002, tokenCounters.size)))
})

test('every unary protocol of a provider has a sample', () => {
  const protocolIds = [...providers.values()].flatMap(({ paths, variants = [] }) =>
    [paths, ...variants.map(variant => ('paths' in variant && variant.paths) || {})].flatMap(Object.keys),
  )
  const unaryIds = new Set(protocolIds.filter(id => unaryEgressOf(id)))
  expect(Object.keys(singleAnswers).toSorted()).toEqual([...unaryIds].toSorted())
})
