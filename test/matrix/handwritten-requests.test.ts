/**
 * Handwritten requests must mean what the cases say, so that parsing and rendering do not merely confirm each other.
 */
import { expect, test } from 'bun:test'
import type { Chat, Part, Tool, Turn } from '../../src/ir/chat.ts'
import { type CaseRequest, cases } from './cases.ts'
import { handwrittenRequests } from './handwritten-requests.ts'
import { clientSides } from './pair.ts'

const rows = clientSides.flatMap(({ protocol, client }) =>
  Object.entries(handwrittenRequests[client.id] ?? {})
    .filter(([name]) => name !== 'orphan')
    .map(([name, body]) => [client.id, name, protocol, body] as const),
)

test('every client protocol has at least four handwritten requests', () =>
  expect(clientSides.filter(({ client }) => Object.keys(handwrittenRequests[client.id] ?? {}).length < 4)).toEqual([]))

test.each(rows)('%s: the handwritten request %s means what its case says', (_, name, protocol, body) => {
  const request = cases.find(one => one.name === name)!.request!
  protocol.checkRequest(body)
  const losses: unknown[] = []
  const chat = protocol.parseRequest(structuredClone(body), (path, why) => losses.push({ path, why }))
  expect(losses).toEqual([])
  expect(meaningOf(chat, request)).toEqual(meaningOf(request, request))
})

/** The meaning of a request, restricted to the fields of this case. */
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

/** Merges consecutive turns of one role. Some protocols have a turn for each part, or one for tool results alone. */
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
