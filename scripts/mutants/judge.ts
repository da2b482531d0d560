/** Runs the tests on a mutant. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MeasuredTest } from './coverage.ts'
import { apply, type Mutant } from './mutant.ts'
import { createOverlay } from './overlay.ts'

export type Status = 'killed' | 'survived' | 'timed out' | 'uncovered' | 'compile error'

/** `by` names the test file and the test that failed. `tests` is the number of test files that execute the code. */
export type Verdict = { mutant: Mutant; status: Status; tests: number; seconds: number; by?: string }

/**
 * Groups of 1, 2, 4, … test files: most mutants fail in the first, and the others do not pay for a process per file.
 */
export const batchesOf = <T>(items: readonly T[]): T[][] => {
  const batches: T[][] = []
  for (let from = 0, size = 1; from < items.length; from += size, size = Math.min(16, size * 2))
    batches.push(items.slice(from, from + size))
  return batches
}

/** Milliseconds for a whole run and for each test: generous, because other work may share the machine. */
const timeLimits = (tests: readonly MeasuredTest[], patience: number) => {
  const expected = tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const longest = Math.max(...tests.map(test => test.milliseconds))
  return { whole: patience + 5 * expected, test: Math.round(patience / 2 + 3 * longest) }
}

export type Case = {
  root: string
  mutant: Mutant
  /** The text of the mutant's file. */
  text: string
  tests: readonly MeasuredTest[]
  /** Milliseconds that tests may take beyond what is expected of them. */
  patience: number
}

/** Runs the test files, in their order, in a copy of the project with the mutant, until one fails. */
export const judge = async ({ root, text, mutant, tests, patience }: Case): Promise<Verdict> => {
  const begin = performance.now()
  const verdict = (status: Status, by?: string): Verdict => ({
    mutant,
    status,
    tests: tests.length,
    seconds: (performance.now() - begin) / 1000,
    ...(by !== undefined && { by }),
  })
  if (tests.length === 0) return verdict('uncovered')
  await using overlay = await createOverlay(root)
  await writeFile(join(overlay.root, mutant.file), apply(text, mutant))
  for (const batch of batchesOf(tests)) {
    const limits = timeLimits(batch, patience)
    const files = batch.map(({ file }) => `./${file}`)
    const command = [process.execPath, 'test', '--isolate', '--bail', `--timeout=${limits.test}`, ...files]
    const { code, output } = await overlay.run(command, limits.whole)
    if (code === null) return verdict('timed out', files.length === 1 ? batch[0]!.file : undefined)
    if (code !== 0) return verdict('killed', failureIn(output))
  }
  return verdict('survived')
}

/** `test/a.test.ts: name` from the output of `bun test`. */
const failureIn = (output: string): string => {
  const plain = Bun.stripANSI(output)
  const failure = /^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/m.exec(plain)
  const files = [...plain.slice(0, failure?.index).matchAll(/^(test\/\S+\.test\.ts):$/gm)]
  return [files.at(-1)?.[1], failure?.[1]].filter(Boolean).join(': ')
}
