/** The documentation is in plain English: see "Writing" in CONTRIBUTING.md. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPassive, maxSentenceWords, privateWords, proseProblems, sentencesOf } from '../support/prose.ts'

const root = join(import.meta.dir, '../..')
const pagesIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => join(folder, name))
const pages = [...pagesIn('.'), ...pagesIn('docs'), ...pagesIn('docs/startup')]

/** Pages whose tables the source generates. */
const generatedPages: ReadonlySet<string> = new Set(
  ['config', 'errors', 'fidelity', 'performance', 'providers', 'reliability'].map(name => `docs/${name}.md`),
)

/** Pages that still have to be rewritten. A page that passes must not be listed. */
const pendingPages: readonly string[] = ['docs/fidelity.md']

const problemsOf = (page: string): string[] =>
  proseProblems(readFileSync(join(root, page), 'utf8'), { isGenerated: generatedPages.has(page) })

test.each(pages.filter(page => !pendingPages.includes(page)))('%s is plain English', page =>
  expect(problemsOf(page)).toEqual([]),
)

if (pendingPages.length > 0)
  test.each([...pendingPages])('%s still has to be rewritten', page => expect(problemsOf(page)).not.toEqual([]))

describe('the checks', () => {
  test.each([
    'Either way it tells its address and models.',
    'A client that leaves, leaves the line at once.',
    'A later failure is reported in-band.',
    'Requests wait in line instead of failing.',
    'The first that is free, by lot.',
    'Mend the credentials of the service.',
    'These types are not spoken yet.',
    'Whoever comes too early waits.',
    'The keys hold together.',
    'So does a 5xx.',
    'A frame that is no JSON object is passed as it is.',
  ])('a private word is found: %s', sentence => expect(proseProblems(sentence).length).toBeGreaterThan(0))

  test.each([
    'There is no JSON object in the body.',
    'The command line says how to start it.',
    'The whole configuration is one file.',
    'A client sends `tell` in a request.',
    'The gateway speaks HTTP/1.1.',
    'No test can tell them apart.',
  ])('an ordinary sentence passes: %s', sentence => expect(proseProblems(sentence)).toEqual([]))

  test('each pattern is a whole word and has a replacement', () => {
    for (const { pattern, instead } of privateWords) {
      expect(pattern.test('foretellingx mendelsx')).toBe(false)
      expect(instead.length).toBeGreaterThan(1)
    }
  })

  test('code, links and generated blocks are no prose', () => {
    const markdown =
      '```sh\ntell me\n```\n<!-- generated: help -->\nIt tells.\n<!-- end -->\nSee [it](https://tell.example/told).'
    expect(sentencesOf(markdown).map(({ text }) => text)).toEqual(['See it.'])
    expect(sentencesOf(markdown)[0]!.line).toBe(7)
  })

  test('sentences end at full stops, list items, table cells and headings, and continue across lines', () => {
    const markdown =
      '# A title\nOne sentence\nover two lines. Another, e.g. this one.\n\n- An item\n| Cell one. Cell two | last |'
    expect(sentencesOf(markdown).map(({ text }) => text)).toEqual([
      'A title',
      'One sentence over two lines.',
      'Another, e.g. this one.',
      'An item',
      'Cell one.',
      'Cell two',
      'last',
    ])
  })

  test('a long sentence and a long line are problems, a long row of a generated table is not', () => {
    const sentence = `${'word '.repeat(maxSentenceWords)}word.`
    expect(proseProblems(sentence)).toEqual([expect.stringContaining(`a sentence of ${maxSentenceWords + 1} words`)])
    const row = `| ${'Short. '.repeat(80)} |`
    expect(proseProblems(row)).toEqual([expect.stringContaining('characters')])
    expect(proseProblems(row, { isGenerated: true })).toEqual([])
  })

  test('a page with too many passives is a problem', () => {
    const active = 'The gateway sends it. '
    expect(proseProblems(active.repeat(9).concat('It is sent.'))).toEqual([])
    expect(proseProblems(active.repeat(2).concat('It is sent.'))).toEqual([expect.stringContaining('1 of 3 sentences')])
  })

  test.each([
    ['The request is sent.', true],
    ['Keys are never logged.', true],
    ['The old platform was closed.', true],
    ['The gateway closes the port.', false],
    ['The limits are in the file.', false],
    ['The speed is indeed high.', false],
  ] as const)('%s: passive %p', (sentence, expected) => expect(isPassive(sentence)).toBe(expected))
})
