/** The vendor pages: every vendor has one, every fact has a source and a date, and every example works. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tiers, vendorFacts, vendorPage, vendors } from '../../scripts/pages/vendors.ts'
import type { Fact } from '../../src/catalog/schema.ts'
import { loadText } from '../../src/config/load.ts'
import { providers } from '../../src/providers/index.ts'

const folder = join(import.meta.dir, '../../docs/vendors')
const ids = vendors.map(({ id }) => id)
const month = /^20\d\d-(0[1-9]|1[0-2])$/

const isAddress = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'https:'
const isSentence = (text: string): boolean => text.length > 3 && text === text.trim()

/** Problems of a fact: no sentence, no source, or a month that is invalid or later than the month of the check. */
const problemsOf = ({ says, source, asOf }: Fact, checked: string): string[] => [
  ...(isSentence(says) ? [] : [`no sentence: ${says}`]),
  ...(isAddress(source) ? [] : [`no source: ${says}`]),
  ...(asOf === null || (month.test(asOf) && asOf <= checked) ? [] : [`no date: ${says}`]),
]

test('every service type except the mock has facts and a page, and there are no others', () => {
  expect(ids).toEqual([...providers.keys()].filter(id => id !== 'mock'))
  expect([...vendorFacts.keys()].sort()).toEqual([...ids].sort())
  const pages = readdirSync(folder).filter(name => name.endsWith('.md') && name !== 'README.md')
  expect(pages.sort()).toEqual(ids.map(id => `${id}.md`).sort())
})

describe.each(vendors.map(vendor => [vendor.id, vendor] as const))('%s', (id, vendor) => {
  const facts = vendorFacts.get(id)!
  const { is, chinese, apply, models, free, notes, checked } = facts

  test('every fact has a source and a date', () => {
    expect(checked).toMatch(month)
    expect([apply, free, ...notes].flatMap(fact => problemsOf(fact, checked))).toEqual([])
  })

  test('the vendor is described in both languages, with links to its keys and its models', () => {
    expect(is).toMatch(/^[^\n]{10,}\.$/)
    expect(chinese).toMatch(/^[^\n]*[\u4e00-\u9fff][^\n]*。$/)
    expect(isAddress(models)).toBe(true)
    if (apply.url === null) expect(vendor.credentials).toEqual([])
    else expect(isAddress(apply.url)).toBe(true)
    expect(Object.keys(tiers)).toContain(free.tier)
  })

  test('the page is short, and its example has no problems', () => {
    const page = vendorPage(vendor)
    expect(page.split('\n').length).toBeLessThanOrEqual(61)
    const [, example] = /```json\n([\s\S]*?)```/.exec(page)!
    expect(Object.keys((JSON.parse(example!) as { services: object }).services)).toEqual([id])
    const { compiled, problems } = loadText(example!, {})
    const isPlaceholder = (message: string) => message.startsWith('is still the placeholder of a sample')
    expect(problems.filter(({ level, message }) => level !== 'note' && !isPlaceholder(message))).toEqual([])
    expect(compiled!.entries.length).toBe(1)
  })

  test('the page contains the facts of the provider file', () => {
    const page = vendorPage(vendor)
    for (const text of [
      vendor.title,
      vendor.docs,
      ...vendor.credentials,
      ...(vendor.models ?? []),
      ...(vendor.quirks ?? []),
    ])
      expect(page).toContain(text)
  })
})

test('a fact without a source or with a wrong date is detected', () => {
  const validFact: Fact = { says: 'It is so.', source: 'https://a.example/b', asOf: '2026-08' }
  expect(problemsOf(validFact, '2026-11')).toEqual([])
  expect(problemsOf({ ...validFact, asOf: null }, '2026-11')).toEqual([])
  expect(problemsOf({ says: '', source: 'a.example', asOf: '2026-12' }, '2026-11')).toHaveLength(3)
})

test('the index links to every page', () => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const id of ids) expect(index).toContain(`](${id}.md) | \`${id}\` |`)
})
