/** The records about models fit the schema, and every fact has a source and a date, or says why it has no source. */
import { describe, expect, test } from 'bun:test'
import { loadModels, loadVendors, validate } from '../../src/catalog/load.ts'
import { responsesOnly, withoutReasoning } from '../../src/catalog/openai-responses.ts'
import { type ModelRecord, modelRecordSchema } from '../../src/catalog/schema.ts'
import { traitRecords } from '../../src/protocols/bedrock-converse/model-traits.ts'
import { providers } from '../../src/providers/index.ts'

const vendors = await loadVendors()
const models = await loadModels()

/** The records that stand where a start needs them, in the form of those in the file. */
const records = Object.entries({ openai: [responsesOnly, withoutReasoning], bedrock: traitRecords }).flatMap(
  ([vendor, found]) => found.map(({ pattern, traits }) => ({ vendor, pattern: pattern.source, traits })),
)
const all: readonly ModelRecord[] = [...models, ...records]

const check = (record: unknown) => () => validate(modelRecordSchema, record, 'models.json')
const matches = ({ pattern }: ModelRecord, model: string) => new RegExp(pattern).test(model.toLowerCase())

describe.each(all.map(record => [`${record.vendor} ${record.pattern}`, record] as const))('%s', (_, record) => {
  test('fits the schema, names a vendor, and has a pattern for names in lower case', () => {
    expect(check(record)).not.toThrow()
    expect(vendors.has(record.vendor)).toBe(true)
    expect(record.traits ?? record.retires).toBeDefined()
    expect(record.pattern.replace(/\\./g, '')).not.toMatch(/[A-Z]/)
    expect(() => new RegExp(record.pattern)).not.toThrow()
  })
})

test('a vendor has one record for a pattern', () => {
  const keys = all.map(({ vendor, pattern }) => `${vendor} ${pattern}`)
  expect(keys).toEqual([...new Set(keys)])
})

test('a retirement has the source and the date of a note that people read', () => {
  const without = models.filter(({ vendor, retires }) => {
    const { notes } = vendors.get(vendor)!
    return retires && !notes.some(({ source, asOf }) => source === retires.source && asOf === retires.asOf)
  })
  expect(without).toEqual([])
})

test('no default model of a service type is one that retires', () => {
  const retiring = [...providers.values()].flatMap(({ id, models: own = [], embeddingModels = [] }) =>
    [...own, ...embeddingModels].filter(model =>
      models.some(record => record.vendor === id && record.retires && matches(record, model)),
    ),
  )
  expect(retiring).toEqual([])
})

test('a pattern matches what its vendor retired, and not what followed', () => {
  const retiring = (vendor: string, names: string[]) =>
    names.filter(name => models.some(record => record.vendor === vendor && record.retires && matches(record, name)))
  expect(retiring('claude', ['claude-sonnet-4-5', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-6'])).toHaveLength(2)
  expect(retiring('xai', ['grok-3', 'grok-4-0709', 'grok-4-fast-reasoning', 'grok-4.5', 'grok-3x'])).toHaveLength(3)
  expect(retiring('moonshot', ['moonshot-v1-8k', 'kimi-k2.5', 'kimi-k2.6', 'kimi-k3'])).toHaveLength(2)
  expect(retiring('together', ['meta-llama/Llama-3.3-70B-Instruct-Turbo-Free', 'free-model'])).toHaveLength(1)
})

test('a record without a source, without a reason for that, or with a wrong date is refused', () => {
  const retires = { on: '2026-11-30', source: 'https://a.example/b', asOf: '2026-11' }
  const traits = { values: { isFast: true }, source: 'https://a.example/b', asOf: '2026-11' }
  const base = { vendor: 'openai', pattern: '^gpt-' }
  expect(check({ ...base, retires, traits })).not.toThrow()
  expect(check({ ...base, retires: { ...retires, on: null, asOf: null } })).not.toThrow()
  expect(check({ ...base, retires: { ...retires, source: undefined } })).toThrow('models.json/retires')
  expect(check({ ...base, retires: { ...retires, on: '2026-11' } })).toThrow('models.json/retires')
  expect(check({ ...base, traits: { ...traits, asOf: null } })).toThrow('models.json/traits')
  expect(check({ ...base, traits: { ...traits, source: undefined } })).toThrow('models.json/traits')
  expect(check({ ...base, traits: { ...traits, source: undefined, unsourced: 'no' } })).toThrow('models.json/traits')
  expect(check({ ...base, price: 1 })).toThrow('models.json/price')
})
