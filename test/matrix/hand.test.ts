/** What clients write by hand means what the cases say, so that reading and writing are not proven by each other alone. */
import { expect, test } from 'bun:test'
import type { Chat, Part, Tool, Turn } from '../../src/ir/chat.ts'
import { type CaseRequest, cases } from './cases.ts'
import { handwrittenRequests } from './hand.ts'
import { clientSides } from './pair.ts'

const rows = clientSides.flatMap(({ protocol, client }) =>
  Object.entries(handwrittenRequests[client.id] ?? {})
    .filter(([name]) => name !== 'orphan')
    .map(([name, body]) => [client.id, name, protocol, body] as const),
)

test('every protocol has requests written by hand', () =>
  expect(clientSides.filter(({ client }) => Object.keys(handwrittenRequests[client.id] ?? {}).length < 4)).toEqual([]))

test.each(rows)('%s: %s', (_, name, protocol, body) => {
  const request = cases.find(one => one.name === name)!.request!
  protocol.checkRequest(body)
  const losses: unknown[] = []
  const chat = protocol.parseRequest(structuredClone(body), (path, why) => losses.push({ path, why }))
  expect(losses).toEqual([])
  expect(meaningOf(chat, request)).toEqual(meaningOf(request, request))
})

/** What a request means, of the things this case is about. */
const meaningOf = (chat: CaseRequest | Chat, request: CaseRequest): unknown => ({
  turns: mergeTurns(chat.turns),
  tools: (chat.tools ?? []).map(toolMeaning),
  ...Object.fromEntries(
    (['choice', 'limit', 'temperature', 'topP', 'stop', 'reasoning'] as const)
      .filter(key => request[key] !== undefined)
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
const mergeTurns = (separateTurns: readonly Turn[]): Turn[] => {
  const turns: Turn[] = []
  for (const { role, parts } of separateTurns) {
    const plain = parts.filter(part => part.type !== 'foreign').map(partMeaning)
    const before = turns.at(-1)
    if (before?.role === role) before.parts.push(...plain)
    else turns.push({ role, parts: plain })
  }
  return turns
}

const partMeaning = (part: Part): Part => {
  const { seal: _, ...bare } = part as Part & { seal?: unknown }
  const plain = bare as Part
  if (plain.type === 'result') return { ...plain, parts: plain.parts.map(partMeaning) }
  return plain.type === 'call' ? { ...plain, args: JSON.stringify(JSON.parse(plain.args)) } : plain
}
