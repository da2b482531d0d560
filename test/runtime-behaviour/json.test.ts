/** Why the gateway passes bytes on instead of parsing and rewriting them. */
import { expect, test } from 'bun:test'

const reserialize = (text: string) => JSON.stringify(JSON.parse(text))

test('keys that look like integers move to the front', () => {
  expect(reserialize('{"b":1,"2":2,"1":3}')).toBe('{"1":3,"2":2,"b":1}')
})

test('large and precise numbers are rounded', () => {
  expect(reserialize('[12345678901234567890,9007199254740993,1.0]')).toBe('[12345678901234567000,9007199254740992,1]')
})

test('of two equal keys the last remains', () => {
  expect(reserialize('{"a":1,"a":2}')).toBe('{"a":2}')
})

test('a number can be parsed with its source text and written from it', () => {
  const parsed = JSON.parse('{"a":[1.0,"1.0"]}', (_, value, { source }) =>
    typeof value === 'number' ? JSON.rawJSON(source!) : value,
  )
  expect(JSON.stringify(parsed)).toBe('{"a":[1.0,"1.0"]}')
})
