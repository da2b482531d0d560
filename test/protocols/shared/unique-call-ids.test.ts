/**
 * Whatever a vendor answered, every call has a unique id, and what the client's protocol cannot express is noted as a
 * loss.
 */
import { describe, expect, test } from 'bun:test'
import type { Message } from '../../../src/ir/chat.ts'
import { replayMessage } from '../../../src/ir/collect.ts'
import type { Event } from '../../../src/ir/event.ts'
import { protocols } from '../../../src/protocols/registry.ts'
import { uniqueCallIds, uniqueMessageCallIds } from '../../../src/protocols/shared/unique-call-ids.ts'
import { exchangeFor } from '../../contracts/protocol.ts'

const message: Message = {
  id: 'm',
  model: 'v',
  finish: 'calls',
  stop: 'END',
  usage: { input: 5, output: 2, cacheWrite: 3 },
  parts: ['same', 'same', '', 'other', ''].map(id => ({ type: 'call', id, name: 'look', args: '{}' })),
}

describe.each([...protocols.keys()])('for a client of %s', name => {
  const ingress = protocols.get(name)!
  const losses = (run: (exchange: ReturnType<typeof exchangeFor>) => void): string[] => {
    const losses: string[] = []
    run(exchangeFor({ loss: path => void losses.push(path) }))
    return losses
  }

  test('calls have unique ids, the same streamed and not streamed', () => {
    const { parts } = uniqueMessageCallIds(ingress, exchangeFor(), message)
    const complete = parts.map(part => (part.type === 'call' ? part.id : ''))
    const events: Event[] = []
    replayMessage(message).forEach(uniqueCallIds(ingress, exchangeFor(), event => events.push(event)))
    const streamed = events.flatMap(event => (event.type === 'open' ? [event.id ?? ''] : []))
    expect(streamed).toEqual(complete)
    expect(new Set(complete).size).toBe(5)
    expect([complete[0], complete[3], complete.includes('')]).toEqual(['same', 'other', false])
  })

  test('fields the protocol cannot express are noted as losses', () => {
    const expected = [...(ingress.omittedFields ?? [])].map(
      one => ({ stop: 'stop_sequence', cacheWrite: 'usage.cacheWrite' })[one],
    )
    expect(losses(exchange => uniqueMessageCallIds(ingress, exchange, message)).toSorted()).toEqual(expected.toSorted())
    expect(
      losses(exchange => replayMessage(message).forEach(uniqueCallIds(ingress, exchange, () => {}))).toSorted(),
    ).toEqual(expected.toSorted())
  })
})

test('only Anthropic Messages can tell which stop sequence ended the answer', () => {
  expect(
    [...protocols.values()].filter(({ omittedFields }) => !omittedFields?.includes('stop')).map(({ id }) => id),
  ).toEqual(['anthropic'])
})
