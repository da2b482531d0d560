/** The facts about vendors fit the schema, and every fact has a source and a date. */
import { expect, test } from 'bun:test'
import { loadVendors, resolveAliases, validate } from '../../src/catalog/load.ts'
import { vendorsSchema } from '../../src/catalog/schema.ts'
import data from '../../src/catalog/vendors.json'

const vendors = await loadVendors()
const { groq } = data

const check = (vendor: unknown) => () => validate(vendorsSchema, { groq: vendor }, 'vendors.json')

test('the catalogue has every vendor of the file, in its order', () => {
  expect([...vendors.keys()]).toEqual(Object.keys(data))
})

test('a fact without a date says that its source has none, and the vendor says when it was read', () => {
  for (const [vendor, { apply, free, notes, checked }] of vendors)
    for (const { says, source, asOf } of [apply, free, ...notes]) {
      expect({ vendor, says, hasSource: URL.canParse(source) }).toEqual({ vendor, says, hasSource: true })
      expect({ vendor, says, isRead: (asOf ?? checked) <= checked }).toEqual({ vendor, says, isRead: true })
    }
})

test('a vendor that is like another takes what it does not state from that one', () => {
  const { like, ...own } = data.aliyun
  expect(vendors.get('aliyun')).toEqual({ ...vendors.get(like)!, ...own })
  expect(() => resolveAliases({ aliyun: { ...own, like } })).toThrow('aliyun is like dashscope, which has no facts')
})

test('a fact without a source, without a date or with an unknown key is refused', () => {
  expect(check(groq)).not.toThrow()
  const [note] = groq.notes
  expect(check({ ...groq, notes: [{ ...note, source: undefined }] })).toThrow('vendors.json/groq')
  expect(check({ ...groq, notes: [{ ...note, source: 'console.groq.com' }] })).toThrow('vendors.json/groq')
  expect(check({ ...groq, notes: [{ ...note, asOf: undefined }] })).toThrow('vendors.json/groq')
  expect(check({ ...groq, notes: [{ ...note, asOf: '2026-13' }] })).toThrow('vendors.json/groq')
  expect(check({ ...groq, notes: [{ ...note, until: '2026-11' }] })).toThrow('vendors.json/groq')
  expect(check({ ...groq, checked: null })).toThrow('vendors.json/groq')
  expect(check({ ...groq, free: { ...groq.free, tier: 'gratis' } })).toThrow('vendors.json/groq')
})
