/** A conversation is routed to the origin of its seals. */
import { describe, expect, test } from 'bun:test'
import { wrapSeal } from '../../src/ir/seal.ts'
import { sealOriginOf } from '../../src/providers/resolve-url.ts'
import { preferOrigin, sealOriginIn } from '../../src/routing/seal-affinity.ts'
import { entryOf } from '../contracts/provider.ts'

const target = (type: string, key: string) => {
  const credential = { index: 0, values: { api_key: key }, digest: key }
  const entry = entryOf(type, { id: `${type}-${key}`, credentials: [credential] })
  return { id: `${entry.id}/${key}/m`, entry, credential, model: 'm' }
}
const targets = [target('groq', 'a'), target('deepseek', 'b'), target('groq', 'c')]
const sealAt = (at: string) => wrapSeal({ by: 'gemini', at, value: 'x' })!

describe('the seal origin of a conversation', () => {
  test('the origin is that of the last seal', () => {
    const text = JSON.stringify({ messages: [{ a: sealAt('v.first') }, { b: `${sealAt('v.last')}` }, 'soa1'] })
    expect(sealOriginIn(text)).toBe('v.last')
  })

  test('text without a valid seal has no origin', () => {
    for (const text of ['{}', '"soa1Seal"', '"soa1SealAAAA"', 'soa1Seal']) expect(sealOriginIn(text)).toBeUndefined()
  })

  test('the origin is tried first, then its vendor, then the others in their order', () => {
    const order = (origin: string) =>
      preferOrigin({ model: 'm', targets }, origin).targets.map(({ credential }) => credential.digest)
    expect(order(sealOriginOf(targets[2]!))).toEqual(['c', 'a', 'b'])
    expect(order(`${sealOriginOf(targets[1]!).split('.')[0]}.gone`)).toEqual(['b', 'a', 'c'])
    expect(order('nobody.here')).toEqual(['a', 'b', 'c'])
  })
})
