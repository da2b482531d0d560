/**
 * `npm run bench [-- PARTS…] [--write] [--quick]` runs the compiled gateway, nginx and bare Bun in front of the same
 * vendor. The measure is the CPU time of the process itself, as the operating system reports it, and its ratio to
 * nginx. Exits with 1 if a ceiling is broken.
 */
import { join } from 'node:path'
import { $ } from 'bun'
import { describeMachine } from './machine.ts'
import { printProgress, type Run } from './measure.ts'
import { writePage } from './page.ts'
import { measureBodies, measureBulk, measureOpenStreams, measureOptions, measureRequests } from './parts.ts'
import { binary, bun, nginx, root, startVendor } from './servers.ts'
import { isBroken, render, type Table } from './table.ts'
import { measureTranslation } from './translate.ts'

const parts: Record<string, (run: Run) => Promise<Table>> = {
  first: measureRequests,
  translate: measureTranslation,
  bulk: measureBulk,
  open: measureOpenStreams,
  bodies: measureBodies,
  options: measureOptions,
}
const usage = `npm run bench -- [PARTS…] [--write] [--quick]
  first      a request, a frame, latency, start, memory, with ceilings (what runs by itself)
  translate  streams from one protocol to another, with ceilings
  bulk       streams as fast as they are taken
  open       5,000 open streams
  bodies     100 KB and 10 MB
  options    keys, limits and log, on and off
  bare       a third column for the others: what Bun itself needs
  all        everything
  world      free vendors that fail: how many requests are answered; see npm run bench -- world --help
  --write    writes docs/performance.md and .svg (with all)
  --quick    a try of seconds; its figures are worth nothing`

const args = process.argv.slice(2)
if (args[0] === 'world') {
  const { runWorlds } = await import('./world/main.ts')
  process.exit(await runWorlds(args.slice(1)))
}
const all = args.includes('all')
const chosen = Object.keys(parts).filter(name => all || args.includes(name))
const known = [...Object.keys(parts), 'all', 'bare', '--write', '--quick']
const unknownArgs = args.filter(arg => !known.includes(arg))
if (unknownArgs.length > 0 || (args.includes('--write') && !all)) {
  printProgress(unknownArgs.includes('--help') ? usage : `${unknownArgs.join(' ') || '--write without all'}?\n${usage}`)
  process.exit(unknownArgs.includes('--help') ? 0 : 2)
}
if (process.platform !== 'linux') {
  printProgress('The benchmark reads CPU and memory from /proc: it needs Linux.')
  process.exit(2)
}
if (!nginx)
  printProgress(
    'nginx is not installed (Debian, Ubuntu: apt install nginx-light): no ratios to it, their ceilings are not judged.',
  )

/** Ends a run that hangs. */
const watchdog = setTimeout(() => {
  printProgress('Twelve minutes are over: something hangs.')
  process.exit(3)
}, 720_000)

const about = await describeMachine()
await $`${bun} ${join(root, 'scripts/build.ts')} ${binary}`.cwd(root).quiet()
const isQuick = args.includes('--quick')
const run: Run = {
  vendor: await startVendor(),
  includesBareBun: all || args.includes('bare'),
  scale: isQuick ? 0.25 : 1,
}
const startedAt = performance.now()
console.log(about)
const tables: Table[] = []
for (const name of chosen.length > 0 ? chosen : ['first']) {
  const table = await parts[name]!(run)
  console.log(render(table))
  tables.push(table)
}
printProgress(`${Math.round((performance.now() - startedAt) / 1000)} s`)
if (args.includes('--write')) await writePage(about, tables)
clearTimeout(watchdog)
const broken = tables.flatMap(({ rows }) => rows).filter(row => isBroken(row))
for (const { label } of broken) printProgress(`above its ceiling: ${label}`)
process.exit(broken.length > 0 ? 1 : 0)
