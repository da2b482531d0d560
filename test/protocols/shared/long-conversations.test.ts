/** A conversation that is sixteen times as long takes sixteen times the work, whatever its calls look like. */
import { expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/base/json/json.ts'
import { writeJson } from '../../../src/base/json/raw.ts'
import type { Part, Turn } from '../../../src/ir/chat.ts'
import type { Egress, Ingress } from '../../../src/protocols/protocol.ts'
import { clientProtocolOf, vendorProtocolOf } from '../../../src/protocols/registry.ts'
import { pairToolResults } from '../../../src/protocols/shared/pair-tool-results.ts'
import { exchangeFor } from '../../contracts/protocol.ts'
import { visitsDuring } from '../../support/array-visits.ts'

const text = (text: string): Part => ({ type: 'text', text })
const call = (id: string): Part => ({ type: 'call', id, name: 'clock', args: '{}' })
const result = (id: string): Part => ({ type: 'result', id, parts: [text('noon')] })
const user = (...parts: Part[]): Turn => ({ role: 'user', parts })
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts })
const system: Turn = { role: 'system', parts: [text('Be brief.')] }
const hello = user(text('Hello'))
const times = <T>(count: number, create: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => create(index))
const parallel = (count: number, idOf: (index: number) => string): Turn[] => [
  hello,
  assistant(...times(count, index => call(idOf(index)))),
  user(...times(count, index => result(idOf(index)))),
]

/** Conversations with `count` calls, results or instructions. */
const conversations: Record<string, (count: number) => Turn[]> = {
  'one call a turn': count => [
    hello,
    ...times(count, at => [assistant(call(`c${at}`)), user(result(`c${at}`))]).flat(),
  ],
  'parallel calls whose results come in reverse order': count => [
    hello,
    assistant(...times(count, at => call(`c${at}`))),
    ...times(count, at => user(result(`c${count - 1 - at}`))),
  ],
  'parallel calls whose results are turns of their own': count => [
    hello,
    assistant(...times(count, at => call(`c${at}`))),
    ...times(count, at => user(result(`c${at}`))),
  ],
  'parallel calls with one id': count => parallel(count, () => 'c'),
  'parallel calls with ids that a vendor does not accept': count =>
    parallel(count, at => String.fromCharCode(0x4e00 + at)),
  'parallel calls without ids on the wire of Gemini': count => parallel(count, at => `gemini_call_${at}`),
  'calls without results': count => [hello, ...times(count, at => [assistant(call(`c${at}`)), hello]).flat()],
  'results without calls': count => [
    hello,
    ...times(count, at => [assistant(text('a')), user(result(`c${at}`))]).flat(),
  ],
  'instructions between turns': count => [...times(count, () => [hello, system]).flat(), hello],
  'instructions in a row': count => [hello, ...times(count, () => system), assistant(text('a')), hello],
}
const [smaller, factor] = [100, 16]

/** The most by which the work of the longer conversation may exceed that of the shorter. Quadratic work is 256 times as much. */
const maxRatio = 24

const workRatio = (prepare: (count: number) => () => void): number => {
  const [short, long] = [prepare(smaller), prepare(smaller * factor)]
  return visitsDuring(long) / visitsDuring(short)
}

const vendorProtocols = ['anthropic', 'bedrock-converse', 'gemini', 'openai-chat', 'openai-responses']
const clientProtocols = ['anthropic', 'gemini', 'openai-chat', 'openai-responses']
const render = (id: string, turns: readonly Turn[]): JsonObject => {
  const exchange = exchangeFor()
  const chat = { model: 'm', stream: false, turns: pairToolResults(turns, exchange.loss) }
  return (vendorProtocolOf(id) as Egress).renderRequest(chat, exchange)
}

for (const [name, conversation] of Object.entries(conversations)) {
  test.each(vendorProtocols)(`${name} are paired and rendered for %s in linear work`, id => {
    const prepare = (count: number) => {
      const turns = conversation(count)
      return () => void render(id, turns)
    }
    expect(workRatio(prepare)).toBeLessThanOrEqual(maxRatio)
  })

  test.each(clientProtocols)(`${name} are parsed from %s in linear work`, id => {
    const prepare = (count: number) => {
      const body = JSON.parse(writeJson(render(id, conversation(count)))) as JsonObject
      return () => void (clientProtocolOf(id) as Ingress).parseRequest(body, () => undefined)
    }
    expect(workRatio(prepare)).toBeLessThanOrEqual(maxRatio)
  })
}

test('work that is quadratic is seen', () => {
  const quadratic = (count: number) => () => {
    const items = times(count, index => index)
    for (const item of items) items.includes(item)
  }
  expect(workRatio(quadratic)).toBeGreaterThan(200)
})

test.each(vendorProtocols)(
  'a hundred thousand calls in one turn, and their results, are rendered for %s',
  id =>
    expect(
      writeJson(
        render(
          id,
          parallel(100_000, at => `c${at}`),
        ),
      ).length,
    ).toBeGreaterThan(5_000_000),
  60_000,
)
