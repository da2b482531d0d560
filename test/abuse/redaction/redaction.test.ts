/**
 * No spelling of any secret leaves the gateway, whichever place of a vendor's answer holds it. Each case is one request:
 * a client's protocol, a vendor's wire, streamed or not, a secret that this very request held, a spelling and a place.
 * REDACTION_CASES and REDACTION_SEED select others; `npm run abuse -- redaction` runs 10,000.
 */
import { afterAll, expect, test } from 'bun:test'
import { createGateway, passPaths, type Service, services } from './gateway.ts'
import { answerWith, type Wire } from './places.ts'
import { pick, type Random, randomFrom, reveals, spell } from './spellings.ts'

const isFull = process.env['ABUSE'] === 'full'
const caseCount = Number(process.env['REDACTION_CASES'] ?? (isFull ? 10_000 : 1_000))
const firstSeed = Number(process.env['REDACTION_SEED'] ?? 1)

const { exchange, stop } = createGateway()
afterAll(stop)

const json = (body: object): RequestInit => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const user = { role: 'user', content: 'Hi' }

type ClientCall = { wire: Wire; path: string; init: RequestInit }

const chatCalls: readonly ((model: string, stream: boolean) => ClientCall)[] = [
  (model, stream) => ({
    wire: 'openai-chat',
    path: '/v1/chat/completions',
    init: json({ model, stream, messages: [user] }),
  }),
  (model, stream) => ({ wire: 'openai-responses', path: '/v1/responses', init: json({ model, stream, input: 'Hi' }) }),
  (model, stream) => ({
    wire: 'anthropic',
    path: '/v1/messages',
    init: json({ model, stream, max_tokens: 9, messages: [user] }),
  }),
  (model, stream) => ({
    wire: 'gemini',
    path: `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    init: json({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }),
  }),
]

/** A request on a path that only passes: as JSON, or as an upload, which names no stream. */
const passCall = (model: string, stream: boolean, random: Random): ClientCall => {
  const path = pick(random, passPaths)
  const isUpload = path === 'audio/transcriptions'
  const form = new FormData()
  form.append('model', model)
  form.append('file', new Blob(['x']), 'a.wav')
  const body = { model, input: 'Hi', prompt: 'Hi', query: 'q', documents: ['d'], voice: 'v', ...(stream && { stream }) }
  return { wire: 'pass', path: `/v1/${path}`, init: isUpload ? { body: form } : json(body) }
}

const callOf = ({ model, wires }: Service, stream: boolean, random: Random): ClientCall =>
  wires.includes('pass') && random() < 0.4 ? passCall(model, stream, random) : pick(random, chatCalls)(model, stream)

type Outcome = {
  call: string
  place: string
  spelling: string
  output: string
  wasAsked: boolean
  leaked: boolean
  redacted: boolean
}

const runCase = async (seed: number): Promise<Outcome> => {
  const random = randomFrom(seed)
  const service = pick(random, services)
  const streamed = random() < 0.5
  const { wire: clientWire, path, init } = callOf(service, streamed, random)
  const wire = service.wires.includes(clientWire) ? clientWire : service.wires[0]!
  let place = ''
  let spelling = ''
  let secret = ''
  const { visible, log } = await exchange(path, init, secrets => {
    secret = pick(random, secrets)
    spelling = spell(secret, random)
    const answer = answerWith(spelling, { wire, streamed }, random)
    place = answer.place
    return answer
  })
  const output = `${visible}\n${log}`
  const call = `${service.model} ${path}${streamed ? ' streamed' : ''} → ${wire}`
  return {
    ...{ call, place, spelling, output, wasAsked: secret !== '' },
    leaked: secret !== '' && (output.includes(spelling) || reveals(output, secret)),
    redacted: /•••|\*\*\*/.test(output),
  }
}

test(`none of ${caseCount} spellings of a secret leaves the gateway`, async () => {
  const outcomes: Outcome[] = []
  for (let seed = firstSeed; seed < firstSeed + caseCount; seed++) outcomes.push(await runCase(seed))
  const leaks = outcomes.filter(({ leaked }) => leaked)
  expect(leaks.slice(0, 5).map(({ call, place, spelling, output }) => ({ call, place, spelling, output }))).toEqual([])
  expect(leaks.length).toBe(0)
  // The vendor was asked and its words arrived, or the test would show nothing.
  expect(outcomes.filter(({ wasAsked }) => !wasAsked).map(({ call, output }) => ({ call, output }))).toEqual([])
  expect(outcomes.filter(({ redacted }) => redacted).length).toBeGreaterThan(caseCount * 0.3)
}, 600_000)
