/** Requests of several texts: which ones are split into a request each, and which are refused. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { clientProtocolOf } from '../../src/protocols/registry.ts'

const splitCompletions = (body: JsonObject): JsonObject[] | undefined => {
  const protocol = clientProtocolOf('completions')
  if (protocol.kind !== 'chat' || !protocol.batch) throw new Error('completions take no list of prompts')
  const parts = protocol.batch.split(body, 1)
  return parts && Array.from({ length: parts.count }, (_, index) => parts.bodyAt(index))
}

describe('a list of prompts for completions', () => {
  test('is split into a request each, with all other fields', () => {
    expect(splitCompletions({ model: 'm', prompt: ['a', 'b'], n: 2 })).toEqual([
      { model: 'm', prompt: 'a', n: 2 },
      { model: 'm', prompt: 'b', n: 2 },
    ])
  })

  test.each<[string, JsonObject]>([
    ['one prompt', { prompt: ['a'] }],
    ['no prompt', { prompt: [] }],
    ['a text', { prompt: 'a' }],
    ['tokens', { prompt: [1, 2, 3] }],
    ['tokens between texts', { prompt: ['a', 2] }],
  ])('is not split if it holds %s', (_, body) => expect(splitCompletions(body)).toBeUndefined())
})

describe('a list of texts for /translate of DeepLX', () => {
  const check = (text: string[]) => () => clientProtocolOf('deeplx').checkRequest({ text, target_lang: 'DE' })

  test('is accepted with one text', () => expect(check(['a'])).not.toThrow())

  test.each([[['a', 'b']], [['a', 'b', 'c']]])('is refused with several: %j', texts =>
    expect(check(texts)).toThrow(expect.objectContaining({ code: 'invalid_request', detail: { param: 'text' } })),
  )
})
