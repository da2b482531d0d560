/**
 * `npm run abuse [-- NAME…]`: runs the tests of `test/abuse/` whose path contains a name, or all, in their full size.
 * `npm test` runs a small part of each. `npm run abuse -- growth [WORD]` measures how the CPU time of every request and
 * answer grows (scripts/growth.ts).
 */
import { join } from 'node:path'

const folder = 'test/abuse'
const names = process.argv.slice(2)
const filters = names.length === 0 ? [folder] : names.map(name => `${folder}/${name}`)
const command =
  names[0] === 'growth'
    ? [process.execPath, join(import.meta.dir, 'growth.ts'), ...names.slice(1)]
    : [process.execPath, 'test', '--timeout=600000', ...filters]
const child = Bun.spawn(command, {
  cwd: join(import.meta.dir, '..'),
  env: { ...process.env, ABUSE: 'full' },
  stdio: ['inherit', 'inherit', 'inherit'],
})
process.exitCode = await child.exited
