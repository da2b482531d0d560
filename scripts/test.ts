/**
 * Runs every test, the black-box ones against a freshly built executable. Prints `N passed, N failed` as its last line,
 * before it how many were skipped and why.
 */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'

const folder = await mkdtemp(join(tmpdir(), 'simple-one-api-'))
const binary = process.env['SIMPLE_ONE_API_BINARY'] ?? join(folder, 'simple-one-api')
/** The tests get a temporary folder of their own, so that whatever they leave in it is theirs. */
const testTemp = join(folder, 'temp')

/** Test files run in parallel: one more than there are cores, because many tests wait. */
const workers = availableParallelism() + 1

/** The last such line belongs to the summary. A test may have printed one like it before. */
const count = (text: string, word: string): number =>
  Number([...text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, 'gm'))].at(-1)?.[1] ?? 0)

/** `withoutRecordings`: how many of the skipped tests need recordings that are not there. */
type Outcome = { passed: number; failed: number; skipped: number; withoutRecordings: number }

const runTests = async (filters: string[]): Promise<Outcome> => {
  const temporary = { TMPDIR: testTemp, TEMP: testTemp, TMP: testTemp }
  const child = Bun.spawn([process.execPath, 'test', '--timeout=30000', `--parallel=${workers}`, ...filters], {
    env: { ...process.env, ...temporary, SIMPLE_ONE_API_BINARY: binary },
    stdout: 'inherit',
    stderr: 'pipe',
  })
  let output = ''
  const decoder = new TextDecoder()
  for await (const bytes of child.stderr) {
    process.stderr.write(bytes)
    output += decoder.decode(bytes, { stream: true })
  }
  const failed = count(output, 'fail')
  const crashed = (await child.exited) !== 0 && failed === 0 ? 1 : 0
  // Bun names each skipped test where it stands, and may name it once more in the summary.
  const withoutRecordings = new Set(output.match(/^\(skip\) .*\(skipped: no recordings in .*$/gm)).size
  return { passed: count(output, 'pass'), failed: failed + crashed, skipped: count(output, 'skip'), withoutRecordings }
}

/** Temporary files that the tests did not remove count as one failure. */
const countLeftovers = async (): Promise<number> => {
  const leftovers = await readdir(testTemp)
  if (leftovers.length > 0) console.error(`the tests left ${leftovers.length} temporary files: ${leftovers.join(', ')}`)
  return leftovers.length > 0 ? 1 : 0
}

try {
  await mkdir(testTemp)
  if (process.env['SIMPLE_ONE_API_BINARY'] === undefined) await $`${process.execPath} scripts/build.ts ${binary}`
  const { passed, skipped, withoutRecordings, ...outcome } = await runTests(process.argv.slice(2))
  const failed = outcome.failed + (await countLeftovers())
  if (skipped > 0) console.log(`${skipped} skipped, ${withoutRecordings} of them because there are no recordings`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
