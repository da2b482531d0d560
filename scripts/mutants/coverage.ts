/** Measures which test files execute which probes, and how long each takes. */
import { mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './mutant.ts'
import { createOverlay, type Overlay } from './overlay.ts'
import { hitsModule, type Probe, probeAt, withProbes } from './probes.ts'
import { filesIn, type SourceFiles, testFiles } from './project.ts'

/** `hits` holds the numbers of the probes that the test file executes. */
export type MeasuredTest = { file: string; milliseconds: number; hits: ReadonlySet<number> }

export type Coverage = {
  /** The test files that execute the mutant's code, quickest first; tests of the same folder count as quicker. */
  testsOf: (mutant: Mutant) => MeasuredTest[]
  /** Test files that fail without any mutant, and so judge none. */
  failing: string[]
}

type ProbedProject = { texts: ReadonlyMap<string, string>; probes: ReadonlyMap<string, Probe[]>; count: number }

/** Where the hits module is in a copy; `src` files import it by a relative path. */
const hitsFile = 'mutant-hits.ts'

const probeProject = (sources: SourceFiles): ProbedProject => {
  const texts = new Map<string, string>()
  const probes = new Map<string, Probe[]>()
  let count = 0
  for (const [file, text] of sources) {
    const up = '../'.repeat(file.split('/').length - 1)
    const probed = withProbes(text, count, up + hitsFile)
    texts.set(file, probed.text)
    probes.set(file, probed.probes)
    count += probed.probes.length
  }
  return { texts, probes, count }
}

/** A digest of all that a test file may depend on: sources, what supports tests, fixtures, scripts, and itself. */
const digests = async (root: string): Promise<Map<string, string>> => {
  const tests = testFiles(root)
  const shared = new Bun.CryptoHasher('sha256').update(await Bun.file(join(import.meta.dir, 'probes.ts')).bytes())
  const support = [...filesIn(root, 'src'), ...filesIn(root, 'test')].filter(file => !tests.includes(file))
  for (const file of support) shared.update(`${file}\0`).update(await Bun.file(join(root, file)).bytes())
  const base = shared.digest('hex')
  const entries = tests.map(async (file): Promise<[string, string]> => {
    const text = await readFile(join(root, file), 'utf8')
    return [file, new Bun.CryptoHasher('sha256').update(`${base}\0${file}\0${text}`).digest('hex')]
  })
  return new Map(await Promise.all(entries))
}

type Measure = { root: string; workers: number; timeout: number; log: (line: string) => void }

const measureOne = async (overlay: Overlay, hitsPath: string, count: number, file: string, timeout: number) => {
  await truncate(hitsPath, 0)
  await truncate(hitsPath, count)
  const { code, milliseconds } = await overlay.run([process.execPath, 'test', '--timeout=30000', `./${file}`], timeout)
  const bytes = await readFile(hitsPath)
  const hits: number[] = []
  for (const [id, byte] of bytes.entries()) if (byte) hits.push(id)
  return { passed: code === 0, milliseconds, hits }
}

/** Runs the test files that `pending` holds, in a probed copy, and stores what they execute. Returns those that fail. */
const measureInCopy = async (options: Measure, project: ProbedProject, pending: [string, string][]) => {
  const failing: string[] = []
  await using overlay = await createOverlay(options.root)
  const hitsPath = join(overlay.root, '..', 'hits')
  await writeFile(hitsPath, new Uint8Array(project.count))
  await writeFile(join(overlay.root, hitsFile), hitsModule(hitsPath))
  for (const [file, text] of project.texts) await writeFile(join(overlay.root, file), text)
  for (let next = pending.shift(); next; next = pending.shift()) {
    const [file, stored] = next
    const { passed, milliseconds, hits } = await measureOne(overlay, hitsPath, project.count, file, options.timeout)
    options.log(`${passed ? 'measured' : 'fails'}: ${file} (${(milliseconds / 1000).toFixed(1)} s)`)
    if (!passed) failing.push(file)
    else {
      await writeFile(`${stored}.new`, JSON.stringify({ milliseconds, hits }))
      await rename(`${stored}.new`, stored)
    }
  }
  return failing
}

/**
 * Quickest first. For `src/a/b/c.ts`, tests in `test/a/` count as five times as quick, and those named after `b` or `c`
 * as 25 times: they are the likely ones to notice.
 */
const inOrder = (source: string, tests: MeasuredTest[]): MeasuredTest[] => {
  const [, folder = '', ...rest] = source.replace(/\.ts$/, '').split('/')
  const weight = ({ file, milliseconds }: MeasuredTest) => {
    if (!file.startsWith(`test/${folder}/`)) return milliseconds
    return milliseconds / (rest.some(part => file.includes(`/${part}.`) || file.includes(`/${part}/`)) ? 25 : 5)
  }
  return tests.sort((a, b) => weight(a) - weight(b) || a.file.localeCompare(b.file))
}

/** Measures each test file once; results are kept in the system's temporary folder until its inputs change. */
export const measureCoverage = async (sources: SourceFiles, options: Measure): Promise<Coverage> => {
  const cache = process.env['MUTANT_COVERAGE'] ?? join(tmpdir(), 'mutant-coverage')
  await mkdir(cache, { recursive: true })
  const project = probeProject(sources)
  const stored = [...(await digests(options.root))].map(([file, digest]): [string, string] => [
    file,
    join(cache, `${digest}.json`),
  ])
  const isKept = await Promise.all(stored.map(([, path]) => Bun.file(path).exists()))
  const pending = stored.filter((_, index) => !isKept[index])
  if (pending.length > 0) options.log(`measuring what ${pending.length} of ${stored.length} test files execute`)
  const workers = Array.from({ length: Math.min(options.workers, pending.length) }, () =>
    measureInCopy(options, project, pending),
  )
  const failing = (await Promise.all(workers)).flat().sort()
  const tests: MeasuredTest[] = []
  for (const [file, path] of stored) {
    if (failing.includes(file)) continue
    const { milliseconds, hits } = (await Bun.file(path).json()) as { milliseconds: number; hits: number[] }
    tests.push({ file, milliseconds, hits: new Set(hits) })
  }
  const testsOf = ({ file, start }: Mutant) => {
    const { id } = probeAt(project.probes.get(file)!, start)
    return inOrder(
      file,
      tests.filter(({ hits }) => hits.has(id)),
    )
  }
  return { testsOf, failing }
}
