/** Sealed thoughts and calls cross a client of another protocol and come back to the vendor that sealed them, over two turns, and to nobody else. */
import { describe, expect, test } from 'bun:test'
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import { type SealMemory, sealPrefix } from '../../src/ir/seal.ts'

import { createSealStore } from '../../src/store/seals.ts'
import type { Answer } from './answer.ts'
import { type Asked, question } from './cases.ts'
import { answerStream, answerWhole, ask, clientRequest, type Pair, pairs, tellers } from './pair.ts'

const call = (id: string, sealed?: string): Answer['said'][number] => ({
  type: 'call',
  id,
  name: 'weather',
  args: `{"city":"${id}"}`,
  ...(sealed !== undefined && { sealed }),
})
const answer = (...said: Answer['said']): Answer => ({ said, finish: 'calls', usage: { input: 20, output: 9 } })

/** Two answers each, in which the model calls. `plain`: thoughts are sealed once at most in an answer. */
const talks: { name: string; plain: boolean; answers: [Answer, Answer] }[] = [
  {
    name: 'thoughts and a call',
    plain: true,
    answers: [
      answer({ type: 'thought', text: 'Look.', sealed: 'dGhvdWdodC0x' }, call('call_1', 'Y2FsbC0x')),
      answer({ type: 'thought', text: 'Once more.', sealed: 'dGhvdWdodC0y' }, call('call_2', 'Y2FsbC0y')),
    ],
  },
  {
    name: 'words between, parallel calls',
    plain: true,
    answers: [
      answer(
        { type: 'thought', text: 'Look.', sealed: 'dGhvdWdodC0x' },
        { type: 'text', text: 'I look.' },
        call('call_1', 'Y2FsbC0x'),
        call('call_2'),
      ),
      answer(call('call_3', 'Y2FsbC0z'), call('call_4', 'Y2FsbC00')),
    ],
  },
  {
    name: 'redacted thoughts before thoughts',
    plain: false,
    answers: [
      answer(
        { type: 'redacted', sealed: 'cmVkYWN0ZWQtMQ==' },
        { type: 'thought', text: 'Look.', sealed: 'dGhvdWdodC0x' },
        call('call_1', 'Y2FsbC0x'),
      ),
      answer({ type: 'redacted', sealed: 'cmVkYWN0ZWQtMg==' }, call('call_2', 'Y2FsbC0y')),
    ],
  },
]

const asks: Asked = {
  ...question,
  tools: [
    {
      name: 'weather',
      description: 'The weather',
      schema: { type: 'object', properties: { city: { type: 'string' } } },
    },
  ],
  limit: 8000,
  reasoning: { effort: 'low', shown: true },
}

const clientsAnswer = (pair: Pair, told: Answer, streamed: boolean, seals: SealMemory | undefined): JsonObject => {
  const { vendor } = pair.teller
  const more = seals ? { seals } : {}
  if (streamed) return pair.asker.client.gather(answerStream(pair, vendor.frames(told), more).frames)
  const { body, error } = answerWhole(pair, vendor.whole(told), more)
  if (!body) throw new Error(JSON.stringify(error))
  return body
}

/** The client's request after both answers. */
const talk = (pair: Pair, answers: readonly Answer[], streamed: boolean, seals?: SealMemory): JsonObject =>
  answers.reduce((request, told) => {
    const results = new Map(told.said.flatMap(one => (one.type === 'call' ? [[one.id, `It is ${one.id}.`]] : [])))
    return pair.asker.client.next(request, clientsAnswer(pair, told, streamed, seals), results)
  }, clientRequest(pair.asker, asks).body)

const opaque = [
  'reasoning_content',
  'extra_content',
  'reasoning_details',
  'signature',
  'thoughtSignature',
  'encrypted_content',
]
const isThought = (value: unknown): boolean =>
  isObject(value) &&
  (['thinking', 'redacted_thinking', 'reasoning'].includes(String(value.type)) || value.thought === true)

/** A history without thoughts and opaque state, as careless clients send it. */
const forgotten = <Value>(value: Value): Value => {
  if (Array.isArray(value)) return value.filter(one => !isThought(one)).map(forgotten) as Value
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([key]) => !opaque.includes(key))
  return Object.fromEntries(kept.map(([key, one]) => [key, forgotten(one)])) as Value
}

const nameOf = ({ asker, teller }: Pair) => `${asker.client.id} → ${teller.vendor.id}`
const ways = pairs.flatMap(pair => [true, false].map(streamed => ({ pair, streamed })))
const rows = ways.map(way => [`${nameOf(way.pair)}, ${way.streamed ? 'streamed' : 'whole'}`, way] as const)

describe('seals come back to who sealed them', () => {
  test.each(rows)('%s', (_, { pair, streamed }) => {
    for (const { name, answers } of talks) {
      const seals = createSealStore().forCaller('caller')
      const { body, error, lost } = ask(pair, talk(pair, answers, streamed, seals), { seals })
      expect({ name, error: error?.message }).toEqual({ name, error: undefined })
      const { vendor } = pair.teller
      // Responses names the items of thoughts that nobody has sealed; those names say nothing elsewhere.
      const { id } = pair.asker.client
      const missed = lost.filter(({ why }) => why !== `only ${id} can read what was sealed`)
      expect({ name, seals: vendor.sealsIn(body!), lost: missed }).toEqual({
        name,
        seals: answers.flatMap(vendor.sealsOf),
        lost: [],
      })
      expect(JSON.stringify(body)).not.toContain(sealPrefix)
    }
  })

  test.each(rows)("%s, in the client's own slots alone", (_, { pair, streamed }) => {
    for (const { name, answers, plain } of talks) {
      if (!plain && pair.asker.client.id === 'openai-chat') continue
      const { body, error } = ask(pair, talk(pair, answers, streamed))
      expect({ name, error: error?.message }).toEqual({ name, error: undefined })
      const { vendor } = pair.teller
      expect({ name, seals: vendor.sealsIn(body!) }).toEqual({ name, seals: answers.flatMap(vendor.sealsOf) })
    }
  })

  test.each(rows)('%s, where the client keeps nothing but words and calls', (_, { pair, streamed }) => {
    if (pair.asker.client.id === pair.teller.vendor.id) return
    for (const { name, answers } of talks) {
      const seals = createSealStore().forCaller('caller')
      const { body, error } = ask(pair, forgotten(talk(pair, answers, streamed, seals)), { seals })
      expect({ name, error: error?.message }).toEqual({ name, error: undefined })
      const { vendor } = pair.teller
      expect({ name, seals: vendor.sealsIn(body!) }).toEqual({ name, seals: answers.flatMap(vendor.sealsOf) })
    }
  })

  test.each(rows)('%s: calls and results are the ones of the conversation, in their order', (_, { pair, streamed }) => {
    for (const { name, answers } of talks) {
      const { body } = ask(pair, talk(pair, answers, streamed))
      const text = JSON.stringify(body)
      const ids = answers.flatMap(({ said }) => said.flatMap(one => (one.type === 'call' ? [one.id] : [])))
      const places = ids.map(id => text.indexOf(`It is ${id}.`))
      expect({ name, places }).toEqual({ name, places: [...places].sort((left, right) => left - right) })
      expect(places.every(place => place > 0)).toBe(true)
    }
  })
})

describe('no other vendor sees a seal', () => {
  test.each(rows)('%s', (_, { pair, streamed }) => {
    const { vendor } = pair.teller
    for (const { name, answers } of talks) {
      const request = talk(pair, answers, streamed)
      for (const teller of tellers.filter(one => one.vendor.id !== vendor.id)) {
        if (pair.asker.client.id === vendor.id) continue
        const { body } = ask({ asker: pair.asker, teller }, request)
        const text = JSON.stringify(body ?? {})
        const seen = [sealPrefix, ...answers.flatMap(vendor.sealsOf)].filter(seal => text.includes(seal))
        expect({ name, to: teller.vendor.id, seen }).toEqual({ name, to: teller.vendor.id, seen: [] })
      }
      const elsewhere = ask(pair, request, { sealOrigin: 'another.vendor' })
      if (pair.asker.client.id !== vendor.id)
        expect({ name, seals: vendor.sealsIn(elsewhere.body!).filter(seal => seal !== 'undefined') }).toEqual({
          name,
          seals: [],
        })
    }
  })
})
