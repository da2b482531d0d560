/**
 * `npm run mutants` changes the sources in small ways, one at a time, and runs the tests that execute the changed code:
 * a change that no test notices shows what the tests do not check. CONTRIBUTING.md says how to read the result.
 */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureCoverage } from './coverage.ts'
import { judge, type Verdict } from './judge.ts'
import { mutantsOf, parses } from './list.ts'
import { diffOf, type Mutant } from './mutant.ts'
import { cleanUpOnSignal } from './overlay.ts'
import { readSources, type SourceFiles, selectorOf } from './project.ts'
import { jsonReport, scoreOf, textReport } from './report.ts'
import { sampleOf } from './sample.ts'
import { createTypeCheck } from './types.ts'

export const usage = `Usage: npm run mutants -- [options] [PATH…]

PATH is a file or a folder of src, or FILE:LINE; without one, all of src.

  --sample N   judge N mutants only, spread evenly over operators and folders
  --seed N     which sample (default 1)
  --list       show the mutants, run nothing
  --prose      also change sentences in literals, such as the messages of errors
  --types      leave out mutants that do not type-check
  --workers N  mutants judged at a time (default 2)
  --min SCORE  exit with 1 if the score, in percent, is lower
  --json FILE  write the result as JSON`

export type Options = {
  root: string
  paths: string[]
  sample?: number
  seed: number
  prose: boolean
  types: boolean
  workers: number
  /** Milliseconds that tests may take beyond what is expected of them, before a mutant has timed out. */
  patience: number
  log: (line: string) => void
}

/** The mutants that the options select, in the order of files and positions. */
export const selectMutants = (sources: SourceFiles, options: Options): Mutant[] => {
  const selectors = options.paths.map(path => selectorOf(options.root, path))
  const isSelected = ({ file, line }: Mutant) =>
    selectors.length === 0 || selectors.some(selects => selects(file, line))
  const mutants = [...sources].flatMap(([file, text]) => mutantsOf(file, text, options).filter(isSelected))
  return options.sample === undefined ? mutants : sampleOf(mutants, options.sample, options.seed)
}

/** Judges the mutants, `workers` at a time. Verdicts have the order of the mutants. */
export const judgeAll = async (sources: SourceFiles, mutants: Mutant[], options: Options): Promise<Verdict[]> => {
  const { root, workers, patience, log } = options
  const coverage = await measureCoverage(sources, { root, workers, timeout: 600_000, log })
  if (coverage.failing.length > 0)
    log(`left out, because they fail without a mutant or with probes in src:\n  ${coverage.failing.join('\n  ')}`)
  const typeChecks = options.types ? createTypeCheck(root, sources) : () => true
  const verdicts: Verdict[] = []
  const pending = [...mutants.entries()]
  let done = 0
  const work = async () => {
    for (let next = pending.shift(); next; next = pending.shift()) {
      const [index, mutant] = next
      const text = sources.get(mutant.file)!
      const isViable = parses(text, mutant) && typeChecks(mutant)
      const verdict: Verdict = isViable
        ? await judge({ root, text, mutant, tests: coverage.testsOf(mutant), patience })
        : { mutant, status: 'compile error', tests: 0, seconds: 0 }
      verdicts[index] = verdict
      const { status, seconds, by } = verdict
      const place = `${mutant.file}:${mutant.line} ${mutant.operator}`
      log(`${++done}/${mutants.length} ${status}: ${place} (${seconds.toFixed(1)} s)${by ? ` by ${by}` : ''}`)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return verdicts
}

const numberOf = (name: string, text: string): number => {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0 || text.trim() === '') throw new Error(`--${name} ${text}: not a number`)
  return value
}

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      prose: { type: 'boolean', default: false },
      types: { type: 'boolean', default: false },
      workers: { type: 'string', default: '2' },
      min: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const options: Options = {
    root: join(import.meta.dir, '../..'),
    paths: positionals,
    ...(values.sample !== undefined && { sample: numberOf('sample', values.sample) }),
    seed: numberOf('seed', values.seed),
    prose: values.prose,
    types: values.types,
    workers: Math.max(1, numberOf('workers', values.workers)),
    patience: 20_000,
    log: line => console.log(line),
  }
  const minimum = values.min === undefined ? undefined : numberOf('min', values.min)
  const sources = readSources(options.root)
  const mutants = selectMutants(sources, options)
  if (values.list) {
    for (const mutant of mutants) console.log(diffOf(mutant.file, sources.get(mutant.file)!, mutant))
    console.log(`${mutants.length} mutants`)
    return 0
  }
  cleanUpOnSignal()
  const verdicts = await judgeAll(sources, mutants, options)
  console.log(`\n${textReport(verdicts, sources)}`)
  if (values.json !== undefined) await Bun.write(values.json, jsonReport(verdicts, sources, options.seed))
  return minimum !== undefined && scoreOf(verdicts).score < minimum ? 1 : 0
}

if (import.meta.main)
  process.exitCode = await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error))
    return 2
  })
