/** A configuration file that would keep the parser busy is refused at once, and a large one is read in linear time. */
import { describe, expect, test } from 'bun:test'
import { loadText } from '../../src/config/load.ts'
import { loadFile, problemLines } from '../support/config-file.ts'

/** The problems that are errors. */
const errorsOf = (text: string, name = 'config.yaml'): string[] =>
  problemLines(loadText(text, {}, name).problems.filter(({ level }) => level === 'error'))

const chain = (first: string, next: (at: number) => string) =>
  first + Array.from({ length: 40 }, (_, at) => next(at)).join('')

describe('a YAML file that unfolds by its anchors is refused', () => {
  const files: [string, string][] = [
    ['lists of lists', chain('a0: &a0 [x, x]\n', at => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}]\n`)],
    [
      'merges of lists of empty maps',
      `${chain('a0: &a0 {}\n', at => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}, *a${at}]\n`)}x:\n  <<: *a40\n`,
    ],
    [
      'merges of maps that merge',
      chain('a0: &a0 {k: 1}\n', at => `a${at + 1}: &a${at + 1}\n  <<: [*a${at}, *a${at}, *a${at}]\n`),
    ],
    [
      'many merges of one wide map',
      `a: &a {${Array.from({ length: 300 }, (_, at) => `k${at}: 1`).join(', ')}}\n${Array.from({ length: 5000 }, (_, at) => `m${at}:\n  <<: *a\n`).join('')}`,
    ],
    ['a list that holds itself', 'a: &a [*a]\n'],
    ['a merge of itself', 'a: &a\n  <<: *a\n'],
  ]
  for (const [what, text] of files)
    test(`made of ${what}`, () => expect(errorsOf(text).join()).toContain('unfold to more than'))
})

describe('a file beyond what a configuration can be is refused before it is parsed', () => {
  test('by its size, in any format', () => {
    const text = `# ${'x'.repeat(4 * 2 ** 20)}\na: 1\n`
    expect(errorsOf(text).join()).toContain('larger than the 4 MiB')
    expect(problemLines(loadFile(text, {}, 'c.yaml').problems).join()).toContain('larger than the 4 MiB')
  })

  test('by its number of lines or commas', () => {
    for (const [text, name] of [
      [`l:\n${'- *a\n'.repeat(100_001)}`, 'c.yaml'],
      [`l: [${'{},'.repeat(100_001)}]`, 'c.yaml'],
      [`{"l":[${'[],'.repeat(100_001)}1]}`, 'c.json'],
    ] as const)
      expect(errorsOf(text, name).join()).toContain('more than 100000 lines or commas')
  })
})

test('a merge, an alias and a repeated key mean what they meant', () => {
  const text = `
base: &base { models: [m], enabled: true }
base: &base { models: [n], enabled: true }
services:
  mock:
    - <<: *base
      models: &models [o]
    - <<: [*base, { models: [p], weight: 2 }]
      redirect: &redirect { a: n }
`
  const { compiled, problems } = loadText(text.replace(/ {6}redirect.*\n/, ''), {}, 'c.yaml')
  expect(compiled?.entries.map(({ models, weight }) => [models, weight])).toEqual([
    [['o'], 1],
    [['n'], 2],
  ])
  expect(problems.map(({ message }) => message).join()).toContain('written twice')
})
