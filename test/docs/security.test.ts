/** Every guarantee of the threat model links a test that exists. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dir, '../../docs')
const page = readFileSync(join(folder, 'security.md'), 'utf8')

/** The last cell of each row of a table with the column "test": the name of a test, and the file that contains it. */
const rows = [...page.matchAll(/^\| .+ \| \[(.+)\]\((\.\.\/test\/[^)]+)\) \|$/gm)].map(
  ([, name, file]) => [name!.replaceAll('\\', ''), file!] as const,
)

test('every row of the threat model links a test', () => {
  const guarantees = page.split('\n').filter(line => /^\| (?!guarantee|---)/.test(line))
  expect(guarantees.length).toBeGreaterThan(20)
  expect(rows.length).toBe(guarantees.length)
})

test.each(rows)('the test "%s" is in %s', (name, file) => {
  const path = join(folder, file)
  expect(existsSync(path)).toBe(true)
  if (!statSync(path).isDirectory()) expect(readFileSync(path, 'utf8').includes(name)).toBe(true)
})
