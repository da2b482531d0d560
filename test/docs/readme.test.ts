/**
 * The user documentation is correct: configurations load, both languages have the same content, links work, and example
 * responses are real.
 */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadText } from '../../src/config/load.ts'
import { operations } from '../../src/server/routes.ts'
import { problemLines } from '../support/config-file.ts'
import { startGateway } from '../support/gateway-process.ts'

const root = join(import.meta.dir, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const readmes = ['README.md', 'README.zh-CN.md'] as const
const pages = [
  ...readmes,
  ...['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...['docs', 'docs/vendors'].flatMap(folder =>
    readdirSync(join(root, folder))
      .filter(name => name.endsWith('.md'))
      .map(name => `${folder}/${name}`),
  ),
]

type Block = { language: string; text: string }

const blocksOf = (text: string): Block[] =>
  [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, , language, inside]) => ({
    language: language!,
    text: inside!,
  }))

/** The text without code blocks, in which `#` and `[` have another meaning. */
const proseOf = (text: string): string => text.replace(/^( *)```[\s\S]*?^\1```$/gm, '')
const headingsOf = (text: string) =>
  [...proseOf(text).matchAll(/^(#+) (.+)$/gm)].map(([, hashes, title]) => ({ level: hashes!.length, title: title! }))

describe('configurations in the documentation', () => {
  const environment = new Proxy({}, { get: (_, name) => `value of ${String(name)}` }) as Record<string, string>
  const configs = pages
    .filter(page => page !== 'docs/config.md')
    .flatMap(page =>
      blocksOf(read(page))
        .filter(({ language }) => language === 'json')
        .map(({ text }, at): [string, string] => [`${page} ${at + 1}`, text]),
    )

  test('the pages contain more than 15 configurations', () => expect(configs.length).toBeGreaterThan(15))

  test.each(configs)('%s has no problems', (_, text) => {
    const isPart = !('services' in (JSON.parse(text) as object))
    const { problems } = loadText(text, environment)
    const lines = problemLines(problems).filter(line => !/ note |: is still the placeholder of a sample/.test(line))
    expect(lines.filter(line => !(isPart && /no service is in use|leads nowhere|is no model/.test(line)))).toEqual([])
  })
})

describe('the English and the Chinese README', () => {
  const [english, chinese] = readmes.map(read) as [string, string]

  test('both contain the same code blocks', () => expect(blocksOf(chinese)).toEqual(blocksOf(english)))

  test('both have headings of the same levels', () => {
    const levels = (text: string) => headingsOf(text).map(({ level }) => level)
    expect(levels(chinese)).toEqual(levels(english))
  })

  test('both link to each other and to the same pages', () => {
    const targets = (text: string) => linksOf(text).flatMap(link => link.split('#')[0] || [])
    const others = (text: string) => targets(text).filter(link => !link.startsWith('README'))
    expect(others(chinese).sort()).toEqual(others(english).sort())
    expect([targets(english)[0], targets(chinese)[0]]).toEqual(['README.zh-CN.md', 'README.md'])
  })

  test.each(readmes)('%s contains the two commands and every endpoint', readme => {
    const text = read(readme)
    expect(text).toContain('`npm test`')
    const commands = blocksOf(text).flatMap(block => (block.language === 'sh' ? [block.text] : []))
    expect(commands[0]).toBe('./simple-one-api\n')
    expect(commands.some(command => command.endsWith('cd simple-one-api\nnpm start\n'))).toBe(true)
    const missing = [...operations.keys()].filter(path => !text.includes(path.split('/').at(-1)!))
    expect(missing).toEqual([])
  })
})

const linksOf = (text: string): string[] =>
  [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter(link => !/^[a-z]+:/.test(link))

/** The anchor that GitHub generates for a heading. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

test.each(pages)('every link of %s works', page => {
  const broken = linksOf(read(page)).filter(link => {
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, file))) return true
    return anchor !== undefined && !headingsOf(read(file)).some(({ title }) => anchorOf(title) === anchor)
  })
  expect(broken).toEqual([])
})

test('every test that the documentation names as proof exists', () => {
  const proofs = [...read('docs/from-simple-one-api.md').matchAll(/\[([^|]+)\]\(\.\.\/(test\/[\w./-]+)\) \|$/gm)]
  expect(proofs.length).toBeGreaterThan(20)
  const missing = proofs.filter(([, title, file]) => !read(file!).includes(title!.replaceAll('\\', '')))
  expect(missing.map(([, title]) => title)).toEqual([])
})

test('the first response in the README is what the gateway really answers', async () => {
  const blocks = blocksOf(read('README.md'))
  const position = blocks.findIndex(block => block.text.startsWith('curl '))
  const [question, answer] = blocks.slice(position)
  const body = /-d '(.*)'/.exec(question!.text)![1]!
  await using gateway = await startGateway(read('config.json'))
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body, proxy: false })
  expect(`${await response.text()}\n`).toBe(answer!.text)
})
