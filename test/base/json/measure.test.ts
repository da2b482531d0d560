/** JSON text is measured before it is parsed: how many values it holds, and how deeply they are nested. */
import { expect, test } from 'bun:test'
import { jsonExcess, maxDepth } from '../../../src/base/json/measure.ts'

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** The smallest limit that the text does not exceed, up to 100. */
const valuesIn = (text: string): number => {
  for (let limit = 0; limit < 100; limit++) if (jsonExcess(text, limit) === undefined) return limit
  return Number.POSITIVE_INFINITY
}

test.each([
  ['{}', 1],
  ['{"a":"b"}', 3],
  ['[[],[],[]]', 4],
  ['["a\\"b","c\\\\","\\\\\\""]', 4],
  [`[${'1,'.repeat(19)}-1.5e+3]`, 3],
  [`[${'true,null,false,'.repeat(3)}1]`, 2],
  [`["${'{['.repeat(200)}"]`, 2],
  [`["${'x'.repeat(100)}\\"${'{'.repeat(100)}",{}]`, 3],
])('%p holds %d values', (text, values) => expect(valuesIn(text)).toBe(values))

test('text of fewer characters than the limit is within it, and a limit that is reached is not exceeded', () => {
  expect(jsonExcess('[{},{},{}]', 10)).toBeUndefined()
  expect(jsonExcess('[{},{},{}]', 4)).toBeUndefined()
  expect(jsonExcess('[{},{},{}]', 3)).toBe('values')
})

test('a value nested deeper than the limit is found, also in text without an end; one at the limit is not', () => {
  expect(jsonExcess(nested(maxDepth))).toBeUndefined()
  expect(jsonExcess(nested(maxDepth + 1))).toBe('depth')
  expect(jsonExcess('{"a":'.repeat(100_000))).toBe('depth')
  expect(jsonExcess(`["${nested(100_000)}"]`)).toBeUndefined()
  expect(jsonExcess(`[${'[]'.repeat(100_000)}]`)).toBeUndefined()
})

test('a string without an end is left to the parser', () =>
  expect(jsonExcess(`["${'\\"'.repeat(10_000)}`, 1)).toBeUndefined())
