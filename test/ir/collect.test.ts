/** A message that is collected from the events of a stream. */
import { expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { createCollector } from '../../src/ir/collect.ts'

const begun = () => {
  const collector = createCollector()
  collector.push({ type: 'start', id: 'a', model: 'm' })
  collector.push({ type: 'open', at: 0, part: 'text' })
  collector.push({ type: 'delta', at: 0, text: 'half' })
  return collector
}

test('events without a finish are no message, whatever text they brought', () => {
  expect(() => begun().message()).toThrow('without a finish')
  const finished = begun()
  finished.push({ type: 'finish', reason: 'stop' })
  expect(finished.message()).toMatchObject({ id: 'a', finish: 'stop', parts: [{ type: 'text', text: 'half' }] })
})

test('the first fault is thrown, even after a finish', () => {
  const collector = begun()
  collector.push({ type: 'finish', reason: 'stop' })
  collector.push({ type: 'fault', error: new GatewayError('upstream_failed', 'first') })
  collector.push({ type: 'fault', error: new GatewayError('upstream_failed', 'second') })
  expect(() => collector.message()).toThrow('first')
})
