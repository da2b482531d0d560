/** What clients write by hand means what the cases say, so that reading and writing are not proven by each other alone. */
import { expect, test } from 'bun:test'
import type { Chat, Part, Tool, Turn } from '../../src/ir/chat.ts'
import { type Asked, cases } from './cases.ts'
import { byHand } from './hand.ts'
import { askers } from './pair.ts'

const rows = askers.flatMap(({ protocol, client }) =>
  Object.entries(byHand[client.id] ?? {})
    .filter(([name]) => name !== 'orphan')
    .map(([name, body]) => [client.id, name, protocol, body] as const),
)

test('every protocol has requests written by hand', () =>
  expect(askers.filter(({ client }) => Object.keys(byHand[client.id] ?? {}).length < 4)).toEqual([]))

test.each(rows)('%s: %s', (_, name, protocol, body) => {
  const asks = cases.find(one => one.name === name)!.asks!
  protocol.checkRequest(body)
  const lost: unknown[] = []
  const chat = protocol.parseRequest(structuredClone(body), (path, why) => lost.push({ path, why }))
  expect(lost).toEqual([])
  expect(meaning(chat, asks)).toEqual(meaning(asks, asks))
})

/** What a request means, of the things this case is about. */
const meaning = (chat: Asked | Chat, asks: Asked): unknown => ({
  turns: merged(chat.turns),
  tools: (chat.tools ?? []).map(toolMeaning),
  ...Object.fromEntries(
    (['choice', 'limit', 'temperature', 'topP', 'stop', 'reasoning'] as const)
      .filter(key => asks[key] !== undefined)
      .map(key => [key, chat[key]]),
  ),
  schema: chat.format?.schema,
})

const toolMeaning = ({ name, description, schema, cache }: Tool): Tool => ({
  name,
  ...(description !== undefined && { description }),
  ...(schema !== undefined && { schema }),
  ...(cache && { cache }),
})

/** Some wires have a turn for each part, or for results alone. */
const merged = (turns: readonly Turn[]): Turn[] => {
  const told: Turn[] = []
  for (const { role, parts } of turns) {
    const plain = parts.filter(part => part.type !== 'foreign').map(partMeaning)
    const before = told.at(-1)
    if (before?.role === role) before.parts.push(...plain)
    else told.push({ role, parts: plain })
  }
  return told
}

const partMeaning = (part: Part): Part => {
  const { seal: _, ...bare } = part as Part & { seal?: unknown }
  const plain = bare as Part
  if (plain.type === 'result') return { ...plain, parts: plain.parts.map(partMeaning) }
  return plain.type === 'call' ? { ...plain, args: JSON.stringify(JSON.parse(plain.args)) } : plain
}
