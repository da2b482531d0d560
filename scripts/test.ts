/**
 * Runs every test, the black-box ones against a freshly built executable. Prints `N passed, N failed` as its last line.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'

const folder = await mkdtemp(join(tmpdir(), 'simple-one-api-'))
const binary = process.env['SIMPLE_ONE_API_BINARY'] ?? join(folder, 'simple-one-api')

/** Test files run in parallel: one more than there are cores, because many tests wait. */
const workers = availableParallelism() + 1

/** The last such line belongs to the summary. A test may have printed one like it before. */
const count = (text: string, word: string): number =>
  Number([...text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, 'gm'))].at(-1)?.[1] ?? 0)

const runTests = async (filters: string[]): Promise<{ passed: number; failed: number }> => {
  const child = Bun.spawn([process.execPath, 'test', '--timeout=30000', `--parallel=${workers}`, ...filters], {
    env: { ...process.env, SIMPLE_ONE_API_BINARY: binary },
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
  return { passed: count(output, 'pass'), failed: failed + crashed }
}

try {
  if (process.env['SIMPLE_ONE_API_BINARY'] === undefined) await $`${process.execPath} scripts/build.ts ${binary}`
  const { passed, failed } = await runTests(process.argv.slice(2))
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
