/**
 * `npm run bench [-- PARTS…] [--write] [--quick]`: the gateway (compiled), nginx and bare Bun in front of the same vendor, in one run. What counts
 * is CPU time of the process itself, as the operating system tells it, and its ratio to nginx. Ends with 1 if a ceiling is broken.
 */
import { join } from 'node:path'
import { $ } from 'bun'
import { binary, bun, nginx, root, startVendor } from './contenders.ts'
import { machine } from './machine.ts'
import { type Run, say } from './measure.ts'
import { write } from './page.ts'
import { bodies, bulk, first, open, options } from './parts.ts'
import { isBroken, render, type Table } from './table.ts'
import { translate } from './translate.ts'

const parts: Record<string, (run: Run) => Promise<Table>> = { first, translate, bulk, open, bodies, options }
const usage = `npm run bench -- [PARTS…] [--write] [--quick]
  first      a request, a frame, latency, start, memory, with ceilings (what runs by itself)
  translate  streams from one protocol to another, with ceilings
  bulk       streams as fast as they are taken
  open       5,000 open streams
  bodies     100 KB and 10 MB
  options    keys, limits and log, on and off
  bare       a third column for the others: what Bun itself needs
  all        everything
  --write    writes docs/performance.md and .svg (with all)
  --quick    a try of seconds; its figures are worth nothing`

const words = process.argv.slice(2)
const all = words.includes('all')
const chosen = Object.keys(parts).filter(name => all || words.includes(name))
const known = [...Object.keys(parts), 'all', 'bare', '--write', '--quick']
const wrong = words.filter(word => !known.includes(word))
if (wrong.length > 0 || (words.includes('--write') && !all)) {
  say(wrong.includes('--help') ? usage : `${wrong.join(' ') || '--write without all'}?\n${usage}`)
  process.exit(wrong.includes('--help') ? 0 : 2)
}
if (process.platform !== 'linux') {
  say('The benchmark reads CPU and memory from /proc: it needs Linux.')
  process.exit(2)
}
if (!nginx)
  say(
    'nginx is not installed (Debian, Ubuntu: apt install nginx-light): no ratios to it, their ceilings are not judged.',
  )

/** A run that hangs ends too. */
const limit = setTimeout(() => {
  say('Twelve minutes are over: something hangs.')
  process.exit(3)
}, 720_000)

const about = await machine()
await $`${bun} ${join(root, 'scripts/build.ts')} ${binary}`.cwd(root).quiet()
const quick = words.includes('--quick')
const run: Run = { vendor: await startVendor(), bare: all || words.includes('bare'), scale: quick ? 0.25 : 1 }
const began = performance.now()
console.log(about)
const tables: Table[] = []
for (const name of chosen.length > 0 ? chosen : ['first']) {
  const table = await parts[name]!(run)
  console.log(render(table))
  tables.push(table)
}
say(`${Math.round((performance.now() - began) / 1000)} s`)
if (words.includes('--write')) await write(about, tables)
clearTimeout(limit)
const broken = tables.flatMap(({ rows }) => rows).filter(row => isBroken(row))
for (const { what } of broken) say(`above its ceiling: ${what}`)
process.exit(broken.length > 0 ? 1 : 0)
