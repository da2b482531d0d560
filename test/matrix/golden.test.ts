/** Every case between every client and every vendor protocol: as it is written down, and with nothing lost in silence. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import { assertValidStream, loadValidators } from '../validators/each.ts'
import type { Answer } from './answer.ts'
import { type Asked, type Case, cases } from './cases.ts'
import {
  answerStream,
  answerWhole,
  ask,
  askers,
  clientModel,
  clientRequest,
  exchangeOf,
  type Pair,
  pairs,
  refusal,
  tellers,
} from './pair.ts'
import { brokenFrames, exchanged, golden, says } from './write.ts'

const withoutMachine = await loadValidators(askers.map(({ client }) => client.id))

test('every client protocol has a state machine', () => expect(withoutMachine).toEqual([]))

const folder = join(import.meta.dir, '../golden')
const nameOf = ({ asker, teller }: Pair) => `${asker.client.id} → ${teller.vendor.id}`

describe('what is written down (npm run golden)', () => {
  test.each(cases.map(one => [one.name, one] as const))('%s', (name, one) => {
    const file = join(folder, `${name}.txt`)
    expect(existsSync(file)).toBe(true)
    expect(golden(one)).toBe(readFileSync(file, 'utf8'))
  })

  test('is no more than the cases', () =>
    expect(readdirSync(folder).sort()).toEqual(cases.map(({ name }) => `${name}.txt`).sort()))

  test('is no file of a megabyte', () => {
    const sizes = readdirSync(folder).map(file => readFileSync(join(folder, file)).length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_600_000)
  })
})

describe('what is asked', () => {
  const asking = cases.filter((one): one is Case & Required<Pick<Case, 'asks'>> => one.asks !== undefined)

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: every word arrives, or is noted as lost',
    (_, pair) => {
      for (const { name, asks, needles = [] } of asking) {
        const { body: said } = clientRequest(pair.asker, asks)
        const { body, error, lost } = ask(pair, said)
        if (error) {
          expect({ name, status: error.status }).toEqual({ name, status: 400 })
          continue
        }
        const missing = needles.filter(needle => says(said, needle) && !says(body, needle))
        if (lost.length === 0) expect({ name, missing }).toEqual({ name, missing: [] })
      }
    },
  )

  test.each(askers.map(asker => [asker.client.id, asker] as const))(
    '%s: written, read and written again it is the same, and nothing is lost',
    (_, asker) => {
      for (const { name, asks } of asking.filter(one => one.asks.byHand === undefined)) {
        const { body } = clientRequest(asker, asks)
        const lost: unknown[] = []
        const chat = asker.protocol.parseRequest(structuredClone(body), (path, why) => lost.push({ path, why }))
        const again = asker.protocol.renderRequest(
          { ...chat, model: tellers.find(({ vendor }) => vendor.id === asker.client.id)!.vendor.model, stream: false },
          exchangeOf(asker, []),
        )
        expect<unknown>({ name, body: { ...again, model: body.model }, lost }).toEqual({ name, body, lost: [] })
      }
    },
  )

  const crossing = pairs.filter(({ asker, teller }) => asker.client.id !== teller.vendor.id)
  test.each(crossing.map(pair => [nameOf(pair), pair] as const))(
    '%s: a call without its result gets one, a result without its call is told',
    (_, pair) => {
      const { asks } = asking.find(({ name }) => name === 'orphan')!
      const { body, lost } = ask(pair, clientRequest(pair.asker, asks).body)
      const text = JSON.stringify(body)
      expect(lost.map(({ path }) => path).filter(path => path.includes('call_'))).toEqual([
        'results.call_9',
        'calls.call_1',
      ])
      expect(text.split(pair.teller.vendor.id === 'gemini' ? '"name":"clock"' : '"call_1"').length - 1).toBe(
        pair.teller.vendor.id === 'gemini' ? 3 : 2,
      )
      expect(text).toContain('Noon')
    },
  )

  test.each(askers.map(asker => [asker.client.id, asker] as const))(
    '%s: no seals, nulls or empties that nobody sent',
    (_, asker) => {
      for (const pair of pairs.filter(one => one.asker === asker))
        for (const { name, asks } of asking) {
          const { body } = ask(pair, clientRequest(asker, asks).body)
          expect({ name, nulls: JSON.stringify(body ?? {}).includes('undefined') }).toEqual({ name, nulls: false })
        }
    },
  )
})

describe('what is answered', () => {
  const telling = cases.filter((one): one is Case & Required<Pick<Case, 'answers'>> => one.answers !== undefined)
  const sound = telling.filter(({ broken }) => !broken)

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: text, thoughts and calls arrive, whole and streamed the same',
    (_, pair) => {
      for (const one of sound) {
        const { name, told = [] } = one
        const { asked, answer: answers = one.answers } = exchanged(one, pair)
        const { client } = pair.asker
        const said = pair.teller.vendor.whole(answers)
        const whole = answerWhole(pair, said, { clientRequest: asked })
        const stream = answerStream(pair, pair.teller.vendor.frames(answers), { clientRequest: asked })
        expect({ name, error: whole.error, fault: stream.error }).toEqual({ name, error: undefined, fault: undefined })
        const heard = client.read(whole.body!)
        const gathered = client.gather(stream.frames)
        assertValidStream(pair.asker.protocol, stream.frames, clientModel, client.id !== pair.teller.vendor.id)
        expect({ name, ...client.read(gathered) }).toEqual({ name, ...heard })
        expect({ name, ...wordsOf(heard) }).toEqual({ name, ...expected(answers) })
        for (const { body, lost } of [whole, { body: gathered, lost: stream.lost }]) {
          const missing = told.filter(({ words, may }) => !may && says(said, words) && !says(body, words))
          if (lost.length === 0) expect({ name, missing }).toEqual({ name, missing: [] })
        }
        expect<unknown>({ name, usage: usageOf(gathered) }).toEqual({ name, usage: usageOf(whole.body!) })
        const finish = answers.stop !== undefined && client.id === 'anthropic' ? 'stop_sequence' : answers.finish
        const words = [finish, finishes[client.id]?.[answers.finish] ?? '']
        expect({ name, words, finish: words.includes(heard.finish) }).toEqual({ name, words, finish: true })
      }
    },
  )

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))('%s: failures stay failures', (_, pair) => {
    const { status, body } = refusal(pair)
    expect(status).toBe(429)
    expect(JSON.stringify(body)).toContain('Too many requests.')
    for (const { answers } of telling.filter(({ broken }) => broken)) {
      const cut = answerStream(pair, brokenFrames(pair.teller, answers))
      const last = cut.frames.at(-1)!
      expect(last.data).toMatch(/error/i)
      if (pair.teller.vendor.broken) expect(last.data).toContain('Overloaded.')
      expect(() => pair.asker.client.gather(cut.frames)).toThrow()
    }
  })

  test.each(askers.map(asker => [asker.client.id, asker] as const))(
    '%s: read, written and read again it is the same',
    (_, asker) => {
      const teller = tellers.find(({ vendor }) => vendor.id === asker.client.id)!
      for (const { name, answers } of sound) {
        const lost: never[] = []
        const exchange = exchangeOf(asker, lost)
        const message = asker.protocol.parseMessage(teller.vendor.whole(answers), exchange)
        const again = asker.protocol.parseMessage(asker.protocol.renderMessage(message, exchange), exchange)
        expect<unknown>({ name, lost, ...again, model: '' }).toEqual({ name, lost: [], ...message, model: '' })
      }
    },
  )
})

describe('calls of any size', () => {
  const long = JSON.stringify({
    city: 'Zürich 世界 🌍 "\\ \n'.repeat(8000),
    deep: [[[{ a: null, b: 1.5e-7, c: -0.1 }]]],
    '': [],
  })
  const said: Answer['said'] = [long, '{}', '{"a":"}{"}'].map((args, at) => ({
    type: 'call',
    id: `call_${at}`,
    name: 'weather',
    args,
  }))
  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: arguments of 200 KB, none, and odd ones',
    (_, pair) => {
      const answer: Answer = { said, finish: 'calls', usage: { input: 20, output: 9 } }
      const { client } = pair.asker
      const whole = client.read(answerWhole(pair, pair.teller.vendor.whole(answer)).body!)
      const streamed = client.read(client.gather(answerStream(pair, pair.teller.vendor.frames(answer)).frames))
      expect(long.length).toBeGreaterThan(150_000)
      expect(whole.calls.map(({ args }) => JSON.stringify(args))).toEqual([long, '{}', '{"a":"}{"}'])
      expect(streamed).toEqual(whole)
    },
  )
})

describe('arguments are not rewritten: numbers, order of keys and escapes stay', () => {
  const args = '{"n":12345678901234567890,"e":1.0,"10":1,"2":2,"u":"\\u00e9\\/"}'
  const isSaid = (text: string) => text.includes(args) || text.includes(JSON.stringify(args).slice(1, -1))
  const history: Asked = {
    turns: [
      { role: 'user', parts: [{ type: 'text', text: 'Go' }] },
      { role: 'assistant', parts: [{ type: 'call', id: 'call_1', name: 'weather', args }] },
      { role: 'user', parts: [{ type: 'result', id: 'call_1', parts: [{ type: 'text', text: 'Done' }] }] },
    ],
  }
  const words = askers.filter(({ client }) => client.id.startsWith('openai'))

  test.each(words.flatMap(asker => tellers.map(teller => [nameOf({ asker, teller }), { asker, teller }] as const)))(
    '%s, on the way there',
    (_, { asker, teller }) => {
      const { body } = clientRequest(asker, history)
      const chat = asker.protocol.parseRequest(body, () => undefined)
      const rendered = teller.egress.renderRequest({ ...chat, model: teller.vendor.model }, exchangeOf(asker, []))
      expect(isSaid(writeJson(rendered))).toBe(true)
    },
  )

  /** Gemini's arguments are no text. */
  const spelled = tellers.filter(({ vendor }) => vendor.id !== 'gemini')
  test.each(words.flatMap(asker => spelled.map(teller => [nameOf({ asker, teller }), { asker, teller }] as const)))(
    '%s, on the way back, streamed',
    (_, pair) => {
      const said: Answer['said'] = [{ type: 'call', id: 'call_1', name: 'weather', args }]
      const frames = pair.teller.vendor.frames({ said, finish: 'calls', usage: { input: 1, output: 1 } })
      expect(isSaid(JSON.stringify(pair.asker.client.gather(answerStream(pair, frames).frames)))).toBe(true)
    },
  )
})

/** Each client protocol's own words for a finish. Gemini has none for a call. */
const finishes: Record<string, Partial<Record<Answer['finish'], string>>> = {
  'openai-chat': { stop: 'stop', length: 'length', calls: 'tool_calls', filter: 'content_filter' },
  'openai-responses': { stop: 'completed', length: 'incomplete', calls: 'completed', filter: 'incomplete' },
  anthropic: { stop: 'end_turn', length: 'max_tokens', calls: 'tool_use', filter: 'refusal' },
  gemini: { stop: 'STOP', length: 'MAX_TOKENS', calls: 'STOP', filter: 'SAFETY' },
}

type Words = { words: string; thought: string; calls: { id: string; name: string; args: unknown }[] }

const wordsOf = ({
  text,
  refusal,
  thought,
  calls,
}: { text: string; refusal: string } & Omit<Words, 'words'>): Words => ({
  words: text + refusal,
  thought,
  calls,
})

const expected = ({ said }: Answer): Words => ({
  words: said.map(one => (one.type === 'text' || one.type === 'refusal' ? one.text : '')).join(''),
  thought: said.map(one => (one.type === 'thought' ? one.text : '')).join(''),
  calls: said.flatMap(one =>
    one.type === 'call' ? [{ id: one.id, name: one.name, args: JSON.parse(one.args) as unknown }] : [],
  ),
})

const usageOf = (answer: JsonObject): unknown => answer.usage ?? answer.usageMetadata
