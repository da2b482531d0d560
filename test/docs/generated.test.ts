/** Generated files are up to date, and their examples work. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pages } from '../../scripts/docs.ts'
import { load, loadText } from '../../src/config/load.ts'
import { ConfigSchema } from '../../src/config/schema/schema.ts'
import { providers } from '../../src/providers/index.ts'
import { problemLines } from '../support/config-file.ts'

const root = join(import.meta.dir, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

test.each(pages.map(page => [page.file, page] as const))(
  '%s is current (npm run docs)',
  (file, { render }) => expect(read(file) === render()).toBe(true),
  60_000,
)

test('every field of the schema has a description', () => {
  const walk = (schema: Record<string, unknown>, path: string): string[] => {
    const children = {
      ...(schema['properties'] as object),
      ...(schema['patternProperties'] as object),
      ...(schema['items'] ? { '[]': schema['items'] } : {}),
    }
    const isDescribed =
      path.endsWith(']') ||
      path.endsWith('$') ||
      /params_range/.test(path) ||
      /^[A-Z].*\.$/.test(String(schema['description'] ?? '').replace(/^./, first => first.toUpperCase()))
    return [
      ...(isDescribed ? [] : [path]),
      ...Object.entries(children).flatMap(([key, value]) => walk(value as Record<string, unknown>, `${path}.${key}`)),
    ]
  }
  const undescribed = Object.entries(ConfigSchema.properties).flatMap(([key, schema]) =>
    walk(schema as Record<string, unknown>, key),
  )
  expect(undescribed.filter(path => !path.endsWith('(.*)$'))).toEqual([])
})

test('the examples of the reference page have no problems', () => {
  const examples = [...read('docs/config.md').matchAll(/```json\n([\s\S]*?)```/g)].map(match => match[1]!)
  expect(examples.length).toBeGreaterThan(8)
  const environment = new Proxy({}, { get: (_, name) => `value of ${String(name)}` }) as Record<string, string>
  for (const example of examples) {
    const parsed = JSON.parse(example) as object
    const config = 'limit' in parsed ? { services: { openai: [{ ...parsed, enabled: false }] } } : parsed
    const { problems } = loadText(JSON.stringify(config), environment)
    expect(problemLines(problems).filter(line => !/ note |no service is in use|leads nowhere/.test(line))).toEqual([])
  }
})

describe('the config.json of the repository', () => {
  test('it has no problems and serves the mock with all its models', () => {
    const { compiled, problems } = load(join(root, 'config.json'), {})
    expect(problems).toEqual([])
    expect(compiled).toMatchObject({ host: '0.0.0.0', port: 9090 })
    const mock = providers.get('mock')!
    expect(compiled!.entries.map(({ models, embeddingModels }) => [models, embeddingModels])).toEqual([
      [mock.models!, mock.embeddingModels!],
    ])
  })

  test('it names its schema', () => expect(JSON.parse(read('config.json')).$schema).toBe('./config.schema.json'))
})
