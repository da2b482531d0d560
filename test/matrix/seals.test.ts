/**
 * Sealed thoughts and calls pass through a client of another protocol and return, over two turns, to the vendor that
 * sealed them and to no other.
 */
import { describe, expect, test } from 'bun:test'
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import { type SealMemory, sealPrefix } from '../../src/ir/seal.ts'

import { createSealStore } from '../../src/store/seals.ts'
import { type CaseRequest, question } from './cases.ts'
import {
  clientRequest,
  messageForClient,
  type Pair,
  pairs,
  requestForVendor,
  streamForClient,
  vendorSides,
} from './pair.ts'
import type { ScriptedAnswer } from './scripted-vendor.ts'

const call = (id: string, seal?: string): ScriptedAnswer['parts'][number] => ({
  type: 'call',
  id,
  name: 'weather',
  args: `{"city":"${id}"}`,
  ...(seal !== undefined && { seal }),
})
const callingAnswer = (...parts: ScriptedAnswer['parts']): ScriptedAnswer => ({
  parts,
  finish: 'calls',
  usage: { input: 20, output: 9 },
})

/**
 * Conversations of two answers in which the model calls a tool. `hasSingleSeal`: each answer seals at most one thought.
 */
const conversations: { name: string; hasSingleSeal: boolean; answers: [ScriptedAnswer, ScriptedAnswer] }[] = [
  {
    name: 'thoughts and a call',
    hasSingleSeal: true,
    answers: [
      callingAnswer({ type: 'thought', text: 'Look.', seal: 'dGhvdWdodC0x' }, call('call_1', 'Y2FsbC0x')),
      callingAnswer({ type: 'thought', text: 'Once more.', seal: 'dGhvdWdodC0y' }, call('call_2', 'Y2FsbC0y')),
    ],
  },
  {
    name: 'words between, parallel calls',
    hasSingleSeal: true,
    answers: [
      callingAnswer(
        { type: 'thought', text: 'Look.', seal: 'dGhvdWdodC0x' },
        { type: 'text', text: 'I look.' },
        call('call_1', 'Y2FsbC0x'),
        call('call_2'),
      ),
      callingAnswer(call('call_3', 'Y2FsbC0z'), call('call_4', 'Y2FsbC00')),
    ],
  },
  {
    name: 'redacted thoughts before thoughts',
    hasSingleSeal: false,
    answers: [
      callingAnswer(
        { type: 'redacted', seal: 'cmVkYWN0ZWQtMQ==' },
        { type: 'thought', text: 'Look.', seal: 'dGhvdWdodC0x' },
        call('call_1', 'Y2FsbC0x'),
      ),
      callingAnswer({ type: 'redacted', seal: 'cmVkYWN0ZWQtMg==' }, call('call_2', 'Y2FsbC0y')),
    ],
  },
]

const request: CaseRequest = {
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

const answerForClient = (
  pair: Pair,
  answer: ScriptedAnswer,
  streamed: boolean,
  seals: SealMemory | undefined,
): JsonObject => {
  const { vendor } = pair.vendorSide
  const more = seals ? { seals } : {}
  if (streamed)
    return pair.clientSide.client.assembleStream(streamForClient(pair, vendor.renderStream(answer), more).frames)
  const { body, error } = messageForClient(pair, vendor.renderMessage(answer), more)
  if (!body) throw new Error(JSON.stringify(error))
  return body
}

/** The client's request after both answers. */
const requestAfter = (
  pair: Pair,
  answers: readonly ScriptedAnswer[],
  streamed: boolean,
  seals?: SealMemory,
): JsonObject =>
  answers.reduce((request, answer) => {
    const results = new Map(answer.parts.flatMap(one => (one.type === 'call' ? [[one.id, `It is ${one.id}.`]] : [])))
    return pair.clientSide.client.nextRequest(request, answerForClient(pair, answer, streamed, seals), results)
  }, clientRequest(pair.clientSide, request).body)

const opaqueFields = [
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
const withoutOpaqueState = <Value>(value: Value): Value => {
  if (Array.isArray(value)) return value.filter(one => !isThought(one)).map(withoutOpaqueState) as Value
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([key]) => !opaqueFields.includes(key))
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutOpaqueState(one)])) as Value
}

const nameOf = ({ clientSide, vendorSide }: Pair) => `${clientSide.client.id} → ${vendorSide.vendor.id}`
const modes = pairs.flatMap(pair => [true, false].map(streamed => ({ pair, streamed })))
const rows = modes.map(mode => [`${nameOf(mode.pair)}, ${mode.streamed ? 'streamed' : 'whole'}`, mode] as const)

describe('seals return to the vendor that made them', () => {
  test.each(rows)(
    '%s: seals return with the help of the seal store, and nothing else is lost',
    (_, { pair, streamed }) => {
      for (const { name, answers } of conversations) {
        const seals = createSealStore().forCaller('caller')
        const { body, error, losses } = requestForVendor(pair, requestAfter(pair, answers, streamed, seals), { seals })
        expect({ name, error: error?.message }).toEqual({ name, error: undefined })
        const { vendor } = pair.vendorSide
        // Responses identifies unsealed reasoning items by ids. Those ids mean nothing to another vendor.
        const { id } = pair.clientSide.client
        const unexpectedLosses = losses.filter(({ why }) => why !== `only ${id} can read this opaque state`)
        expect({ name, seals: vendor.sealsIn(body!), losses: unexpectedLosses }).toEqual({
          name,
          seals: answers.flatMap(vendor.sealsOf),
          losses: [],
        })
        expect(JSON.stringify(body)).not.toContain(sealPrefix)
      }
    },
  )

  test.each(rows)("%s: seals return in the client's own fields alone", (_, { pair, streamed }) => {
    for (const { name, answers, hasSingleSeal } of conversations) {
      if (!hasSingleSeal && pair.clientSide.client.id === 'openai-chat') continue
      const { body, error } = requestForVendor(pair, requestAfter(pair, answers, streamed))
      expect({ name, error: error?.message }).toEqual({ name, error: undefined })
      const { vendor } = pair.vendorSide
      expect({ name, seals: vendor.sealsIn(body!) }).toEqual({ name, seals: answers.flatMap(vendor.sealsOf) })
    }
  })

  test.each(rows)('%s: seals return although the client keeps nothing but text and calls', (_, { pair, streamed }) => {
    if (pair.clientSide.client.id === pair.vendorSide.vendor.id) return
    for (const { name, answers } of conversations) {
      const seals = createSealStore().forCaller('caller')
      const { body, error } = requestForVendor(pair, withoutOpaqueState(requestAfter(pair, answers, streamed, seals)), {
        seals,
      })
      expect({ name, error: error?.message }).toEqual({ name, error: undefined })
      const { vendor } = pair.vendorSide
      expect({ name, seals: vendor.sealsIn(body!) }).toEqual({ name, seals: answers.flatMap(vendor.sealsOf) })
    }
  })

  test.each(rows)('%s: calls and results keep their order', (_, { pair, streamed }) => {
    for (const { name, answers } of conversations) {
      const { body } = requestForVendor(pair, requestAfter(pair, answers, streamed))
      const text = JSON.stringify(body)
      const ids = answers.flatMap(({ parts: said }) => said.flatMap(one => (one.type === 'call' ? [one.id] : [])))
      const positions = ids.map(id => text.indexOf(`It is ${id}.`))
      expect({ name, positions }).toEqual({ name, positions: [...positions].sort((left, right) => left - right) })
      expect(positions.every(position => position > 0)).toBe(true)
    }
  })
})

describe('no other vendor sees a seal', () => {
  test.each(rows)('%s: another vendor or target gets none of the seals', (_, { pair, streamed }) => {
    const { vendor } = pair.vendorSide
    for (const { name, answers } of conversations) {
      const request = requestAfter(pair, answers, streamed)
      for (const vendorSide of vendorSides.filter(one => one.vendor.id !== vendor.id)) {
        if (pair.clientSide.client.id === vendor.id) continue
        const { body } = requestForVendor({ clientSide: pair.clientSide, vendorSide }, request)
        const text = JSON.stringify(body ?? {})
        const leaked = [sealPrefix, ...answers.flatMap(vendor.sealsOf)].filter(seal => text.includes(seal))
        expect({ name, to: vendorSide.vendor.id, leaked }).toEqual({ name, to: vendorSide.vendor.id, leaked: [] })
      }
      const elsewhere = requestForVendor(pair, request, { sealOrigin: 'another.vendor' })
      if (pair.clientSide.client.id !== vendor.id)
        expect({ name, seals: vendor.sealsIn(elsewhere.body!).filter(seal => seal !== 'undefined') }).toEqual({
          name,
          seals: [],
        })
    }
  })
})
