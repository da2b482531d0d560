/**
 * Checks every case between every client and every vendor protocol: against its golden file, and that nothing is lost
 * without a noted loss.
 */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import { assertValidStream, loadValidators } from '../validators/each.ts'
import { type Case, type CaseRequest, cases } from './cases.ts'
import { containsAny, goldenText, requestOfCase, truncatedFrames } from './golden-text.ts'
import {
  clientModel,
  clientRequest,
  clientSides,
  exchangeFor,
  messageForClient,
  type Pair,
  pairs,
  refusalForClient,
  requestForVendor,
  streamForClient,
  vendorSides,
} from './pair.ts'
import type { ScriptedAnswer } from './scripted-vendor.ts'

const withoutMachine = await loadValidators(clientSides.map(({ client }) => client.id))

test('every client protocol has a state machine', () => expect(withoutMachine).toEqual([]))

const folder = join(import.meta.dir, '../golden')
const nameOf = ({ clientSide, vendorSide }: Pair) => `${clientSide.client.id} → ${vendorSide.vendor.id}`

describe('golden files (npm run golden)', () => {
  test.each(cases.map(one => [one.name, one] as const))('the golden file of %s is up to date', (name, one) => {
    const file = join(folder, `${name}.txt`)
    expect(existsSync(file)).toBe(true)
    expect(goldenText(one)).toBe(readFileSync(file, 'utf8'))
  })

  test('the golden folder has exactly one file for each case', () =>
    expect(readdirSync(folder).sort()).toEqual(cases.map(({ name }) => `${name}.txt`).sort()))

  test('the golden files together stay below 1.6 MB', () => {
    const sizes = readdirSync(folder).map(file => readFileSync(join(folder, file)).length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_600_000)
  })
})

describe('requests', () => {
  const requestCases = cases.filter((one): one is Case & Required<Pick<Case, 'request'>> => one.request !== undefined)

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: every expected text arrives, or a loss is noted',
    (_, pair) => {
      for (const { name, request, requestTexts = [] } of requestCases) {
        const { body: clientBody } = clientRequest(pair.clientSide, request)
        const { body, error, losses } = requestForVendor(pair, clientBody)
        if (error) {
          expect({ name, status: error.status }).toEqual({ name, status: 400 })
          continue
        }
        const missing = requestTexts.filter(needle => containsAny(clientBody, needle) && !containsAny(body, needle))
        if (losses.length === 0) expect({ name, missing }).toEqual({ name, missing: [] })
      }
    },
  )

  test.each(clientSides.map(clientSide => [clientSide.client.id, clientSide] as const))(
    '%s: a request survives rendering, parsing and rendering again without a loss',
    (_, clientSide) => {
      for (const { name, request } of requestCases.filter(one => one.request.handwritten === undefined)) {
        const { body } = clientRequest(clientSide, request)
        const losses: unknown[] = []
        const chat = clientSide.protocol.parseRequest(structuredClone(body), (path, why) => losses.push({ path, why }))
        const rewritten = clientSide.protocol.renderRequest(
          {
            ...chat,
            model: vendorSides.find(({ vendor }) => vendor.id === clientSide.client.id)!.vendor.model,
            stream: false,
          },
          exchangeFor(clientSide, []),
        )
        expect<unknown>({ name, body: { ...rewritten, model: body.model }, losses }).toEqual({ name, body, losses: [] })
      }
    },
  )

  const translatedPairs = pairs.filter(({ clientSide, vendorSide }) => clientSide.client.id !== vendorSide.vendor.id)
  test.each(translatedPairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: a call without its result gets one, and a result without its call is noted as a loss',
    (_, pair) => {
      const { request } = requestCases.find(({ name }) => name === 'orphan')!
      const { body, losses } = requestForVendor(pair, clientRequest(pair.clientSide, request).body)
      const text = JSON.stringify(body)
      expect(losses.map(({ path }) => path).filter(path => path.includes('call_'))).toEqual([
        'results.call_9',
        'calls.call_1',
      ])
      expect(text.split(pair.vendorSide.vendor.id === 'gemini' ? '"name":"clock"' : '"call_1"').length - 1).toBe(
        pair.vendorSide.vendor.id === 'gemini' ? 3 : 2,
      )
      expect(text).toContain('Noon')
    },
  )

  test.each(clientSides.map(clientSide => [clientSide.client.id, clientSide] as const))(
    '%s: no request contains null or undefined that the case does not contain',
    (_, clientSide) => {
      for (const pair of pairs.filter(one => one.clientSide === clientSide))
        for (const { name, request } of requestCases) {
          const { body } = requestForVendor(pair, clientRequest(clientSide, request).body)
          expect({ name, stray: emptyValuesIn(body) }).toEqual({ name, stray: [] })
        }
    },
  )
})

/** The paths at which a value is null or undefined, or a text is the word `undefined`. */
const emptyValuesIn = (value: unknown, path = ''): string[] => {
  if (value === null || value === undefined || /\bundefined\b/.test(String(value))) return [`${path} = ${value}`]
  if (typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => emptyValuesIn(inner, `${path}/${key}`))
}

describe('answers', () => {
  const answerCases = cases.filter((one): one is Case & Required<Pick<Case, 'answer'>> => one.answer !== undefined)
  const completeCases = answerCases.filter(({ isBroken }) => !isBroken)

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: text, thoughts and calls arrive, and are the same streamed and non-streamed',
    (_, pair) => {
      for (const one of completeCases) {
        const { name, answerTexts = [] } = one
        const { clientBody, answer = one.answer } = requestOfCase(one, pair)
        const { client } = pair.clientSide
        const vendorBody = pair.vendorSide.vendor.renderMessage(answer)
        const whole = messageForClient(pair, vendorBody, { clientRequest: clientBody })
        const stream = streamForClient(pair, pair.vendorSide.vendor.renderStream(answer), { clientRequest: clientBody })
        expect({ name, error: whole.error, fault: stream.error }).toEqual({ name, error: undefined, fault: undefined })
        const content = client.parseAnswer(whole.body!)
        const assembled = client.assembleStream(stream.frames)
        assertValidStream(pair.clientSide.protocol, stream.frames, clientModel, client.id !== pair.vendorSide.vendor.id)
        expect({ name, ...client.parseAnswer(assembled) }).toEqual({ name, ...content })
        expect({ name, ...comparedContentOf(content) }).toEqual({ name, ...expectedContent(answer) })
        for (const { body, losses } of [whole, { body: assembled, losses: stream.losses }]) {
          const missing = answerTexts.filter(
            ({ texts: words, isOptional }) =>
              !isOptional && containsAny(vendorBody, words) && !containsAny(body, words),
          )
          if (losses.length === 0) expect({ name, missing }).toEqual({ name, missing: [] })
        }
        expect<unknown>({ name, usage: usageOf(assembled) }).toEqual({ name, usage: usageOf(whole.body!) })
        const finish = answer.stop !== undefined && client.id === 'anthropic' ? 'stop_sequence' : answer.finish
        const finishes = [finish, finishReasons[client.id]?.[answer.finish] ?? '']
        expect({ name, finishes, finish: finishes.includes(content.finish) }).toEqual({ name, finishes, finish: true })
      }
    },
  )

  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: a rate limit stays a 429, and a broken stream stays an error',
    (_, pair) => {
      const { status, body } = refusalForClient(pair)
      expect(status).toBe(429)
      expect(JSON.stringify(body)).toContain('Too many requests.')
      for (const { answer } of answerCases.filter(({ isBroken }) => isBroken)) {
        const cut = streamForClient(pair, truncatedFrames(pair.vendorSide, answer))
        const last = cut.frames.at(-1)!
        expect(last.data).toMatch(/error/i)
        if (pair.vendorSide.vendor.overloadedFrame) expect(last.data).toContain('Overloaded.')
        expect(() => pair.clientSide.client.assembleStream(cut.frames)).toThrow()
      }
    },
  )

  test.each(clientSides.map(clientSide => [clientSide.client.id, clientSide] as const))(
    '%s: an answer survives parsing, rendering and parsing again without a loss',
    (_, clientSide) => {
      const vendorSide = vendorSides.find(({ vendor }) => vendor.id === clientSide.client.id)!
      for (const { name, answer } of completeCases) {
        const losses: never[] = []
        const exchange = exchangeFor(clientSide, losses)
        const message = clientSide.protocol.parseMessage(vendorSide.vendor.renderMessage(answer), exchange)
        const rewritten = clientSide.protocol.parseMessage(
          clientSide.protocol.renderMessage(message, exchange),
          exchange,
        )
        expect<unknown>({ name, losses, ...rewritten, model: '' }).toEqual({ name, losses: [], ...message, model: '' })
      }
    },
  )
})

describe('calls of any size', () => {
  const longArgs = JSON.stringify({
    city: 'Zürich 世界 🌍 "\\ \n'.repeat(8000),
    deep: [[[{ a: null, b: 1.5e-7, c: -0.1 }]]],
    '': [],
  })
  const parts: ScriptedAnswer['parts'] = [longArgs, '{}', '{"a":"}{"}'].map((args, at) => ({
    type: 'call',
    id: `call_${at}`,
    name: 'weather',
    args,
  }))
  test.each(pairs.map(pair => [nameOf(pair), pair] as const))(
    '%s: arguments of 200 KB, empty ones and ones with braces arrive unchanged',
    (_, pair) => {
      const answer: ScriptedAnswer = { parts, finish: 'calls', usage: { input: 20, output: 9 } }
      const { client } = pair.clientSide
      const whole = client.parseAnswer(messageForClient(pair, pair.vendorSide.vendor.renderMessage(answer)).body!)
      const streamContent = client.parseAnswer(
        client.assembleStream(streamForClient(pair, pair.vendorSide.vendor.renderStream(answer)).frames),
      )
      expect(longArgs.length).toBeGreaterThan(150_000)
      expect(whole.calls.map(({ args }) => JSON.stringify(args))).toEqual([longArgs, '{}', '{"a":"}{"}'])
      expect(streamContent).toEqual(whole)
    },
  )
})

describe('arguments are not rewritten: numbers, order of keys and escapes stay', () => {
  const args = '{"n":12345678901234567890,"e":1.0,"10":1,"2":2,"u":"\\u00e9\\/"}'
  const containsArgs = (text: string) => text.includes(args) || text.includes(JSON.stringify(args).slice(1, -1))
  const request: CaseRequest = {
    turns: [
      { role: 'user', parts: [{ type: 'text', text: 'Go' }] },
      { role: 'assistant', parts: [{ type: 'call', id: 'call_1', name: 'weather', args }] },
      { role: 'user', parts: [{ type: 'result', id: 'call_1', parts: [{ type: 'text', text: 'Done' }] }] },
    ],
  }
  const openaiClients = clientSides.filter(({ client }) => client.id.startsWith('openai'))

  test.each(
    openaiClients.flatMap(clientSide =>
      vendorSides.map(vendorSide => [nameOf({ clientSide, vendorSide }), { clientSide, vendorSide }] as const),
    ),
  )('%s: the vendor gets the arguments exactly as the client sent them', (_, { clientSide, vendorSide }) => {
    const { body } = clientRequest(clientSide, request)
    const chat = clientSide.protocol.parseRequest(body, () => undefined)
    const rendered = vendorSide.egress.renderRequest(
      { ...chat, model: vendorSide.vendor.model },
      exchangeFor(clientSide, []),
    )
    expect(containsArgs(writeJson(rendered))).toBe(true)
  })

  /** Gemini's arguments are objects, not text. */
  const vendorsWithTextArgs = vendorSides.filter(({ vendor }) => vendor.id !== 'gemini')
  test.each(
    openaiClients.flatMap(clientSide =>
      vendorsWithTextArgs.map(vendorSide => [nameOf({ clientSide, vendorSide }), { clientSide, vendorSide }] as const),
    ),
  )('%s: the client gets streamed arguments exactly as the vendor sent them', (_, pair) => {
    const parts: ScriptedAnswer['parts'] = [{ type: 'call', id: 'call_1', name: 'weather', args }]
    const frames = pair.vendorSide.vendor.renderStream({ parts, finish: 'calls', usage: { input: 1, output: 1 } })
    expect(
      containsArgs(JSON.stringify(pair.clientSide.client.assembleStream(streamForClient(pair, frames).frames))),
    ).toBe(true)
  })
})

/** Each client protocol's finish reasons. Gemini has none for a call. */
const finishReasons: Record<string, Partial<Record<ScriptedAnswer['finish'], string>>> = {
  'openai-chat': { stop: 'stop', length: 'length', calls: 'tool_calls', filter: 'content_filter' },
  'openai-responses': { stop: 'completed', length: 'incomplete', calls: 'completed', filter: 'incomplete' },
  anthropic: { stop: 'end_turn', length: 'max_tokens', calls: 'tool_use', filter: 'refusal' },
  gemini: { stop: 'STOP', length: 'MAX_TOKENS', calls: 'STOP', filter: 'SAFETY' },
}

type ComparedContent = { textOrRefusal: string; thought: string; calls: { id: string; name: string; args: unknown }[] }

const comparedContentOf = ({
  text,
  refusal,
  thought,
  calls,
}: { text: string; refusal: string } & Omit<ComparedContent, 'textOrRefusal'>): ComparedContent => ({
  textOrRefusal: text + refusal,
  thought,
  calls,
})

const expectedContent = ({ parts }: ScriptedAnswer): ComparedContent => ({
  textOrRefusal: parts.map(one => (one.type === 'text' || one.type === 'refusal' ? one.text : '')).join(''),
  thought: parts.map(one => (one.type === 'thought' ? one.text : '')).join(''),
  calls: parts.flatMap(one =>
    one.type === 'call' ? [{ id: one.id, name: one.name, args: JSON.parse(one.args) as unknown }] : [],
  ),
})

const usageOf = (answer: JsonObject): unknown => answer.usage ?? answer.usageMetadata
