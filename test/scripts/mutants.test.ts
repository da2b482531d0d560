/** The mutation tester: which mutants it makes of a source, which of them it samples, and what tests notice. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchesOf, type Verdict } from '../../scripts/mutants/judge.ts'
import { mutantsOf, parses } from '../../scripts/mutants/list.ts'
import { apply, diffOf, type Mutant, operators } from '../../scripts/mutants/mutant.ts'
import { probeAt, withProbes } from '../../scripts/mutants/probes.ts'
import { readSources, selectorOf } from '../../scripts/mutants/project.ts'
import { jsonReport, scoreOf, textReport } from '../../scripts/mutants/report.ts'
import { judgeAll, type Options, selectMutants } from '../../scripts/mutants/run.ts'
import { sampleOf } from '../../scripts/mutants/sample.ts'
import { createTypeCheck } from '../../scripts/mutants/types.ts'
import { waitUntil } from '../support/wait-until.ts'

const overlayPath = join(import.meta.dir, '../../scripts/mutants/overlay.ts')

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The mutated texts of one line, or of a whole source, each as `operator: text`. */
const changesOf = (text: string, options = {}): string[] =>
  mutantsOf('src/a.ts', text, options).map(mutant => `${mutant.operator}: ${apply(text, mutant)}`)

describe('a mutant changes', () => {
  test.each<[string, string[]]>([
    [
      'if (a) b()',
      ['condition: if (!(a)) b()', 'condition: if (true) b()', 'condition: if (false) b()', 'statement: if (a) {}'],
    ],
    ['while (next()) {}', ['condition: while (false) {}']],
    ['f(a === b)', ['equality: f(a !== b)']],
    ['f(a < b)', ['boundary: f(a <= b)']],
    ['f(a >= b)', ['boundary: f(a > b)']],
    ['f(a + b)', ['arithmetic: f(a - b)']],
    ['f(-a)', ['arithmetic: f(a)']],
    ['a++', ['statement: ;', 'arithmetic: a--']],
    ['f(a && b)', ['logical: f((a || b))']],
    ['f((a || b) && c)', ['logical: f(((a || b) || c))', 'logical: f(((a && b)) && c)']],
    ['f(a || b && c)', ['logical: f((a && (b && c)))', 'logical: f(a || (b || c))']],
    ['f(!a)', ['negation: f(a)']],
    ['f(a ?? b)', ['nullish: f(a)']],
    ['f(a?.b)', ['optional-chain: f(a.b)']],
    ['f(a?.[b])', ['optional-chain: f(a[b])']],
    ['f(a?.())', ['optional-chain: f(a())']],
    ["f('a')", ["string: f('')"]],
    ["f('')", ["string: f('mutated')"]],
    ['f(`a${b}`)', ["string: f('')"]],
    ['f(1)', ['number: f(2)']],
    ['f(60)', ['number: f(0)']],
    ['f(true)', ['boolean: f(false)']],
    [
      'f(/^a[bc]$/i)',
      ['regex', 'regex', 'regex', 'regex', 'regex'].map((name, index) => {
        const texts = ['/(?!)/i', '/a[bc]$/i', '/^a[bc]/i', '/^a[bc]$/', '/^a[^bc]$/i']
        return `${name}: f(${texts[index]})`
      }),
    ],
    ['f([a, b])', ['entry: f([ b])', 'entry: f([a, ])']],
    ['f({ a, ...b })', ['entry: f({  ...b })', 'entry: f({ a,  })']],
    ['f(new Set([a]))', ['entry: f(new Set([]))']],
    ['f(new Map([[a, b]]))', ['entry: f(new Map([]))']],
    ['f(a.some(b))', ['method: f(a.every(b))']],
    ['f(Math.min(a, b))', ['method: f(Math.max(a, b))']],
    ['f(a.trim())', ['method: f(a)']],
    ['function f(a: A = b) {}', ['default: function f(a: A) {}']],
    ['function f({ a = b }) {}', ['default: function f({ a }) {}']],
    ['const f = () => a', ['return: const f = () => undefined']],
    ['const f = () => a.has(b)', ['return: const f = () => true', 'return: const f = () => false']],
    ['const f = async () => { g(await a) }', ['await: const f = async () => { g(a) }']],
    ['throw a', ['statement: ;']],
  ])('%s', (text, expected) => {
    const isCall = text.startsWith('f(')
    const changes = changesOf(text).filter(change => change !== 'statement: ;' || !isCall)
    expect(changes.filter(change => !/^statement: const/.test(change))).toEqual(expected)
  })

  test('an early return, once: it is not also forced to be false', () => {
    const changes = changesOf('function f() {\n  if (a) return b\n  g()\n}')
    expect(changes).toEqual([
      'early-return: function f() {\n  {}\n  g()\n}',
      'condition: function f() {\n  if (!(a)) return b\n  g()\n}',
      'condition: function f() {\n  if (true) return b\n  g()\n}',
      'return: function f() {\n  if (a) return undefined\n  g()\n}',
      'statement: function f() {\n  if (a) return b\n  ;\n}',
    ])
  })

  test('every operator there is, in a file of the right text', () => {
    const text = [
      'export const f = async (a = 1, b?: { c: string }) => {',
      '  if (a < 2 && !b) return [await g(`x`), true]',
      "  h(a === 3, a + 4, b?.c ?? '', /x/, `${a}`.trim())",
      '}',
    ].join('\n')
    const found = new Set(mutantsOf('src/a.ts', text).map(({ operator }) => operator))
    expect(operators.filter(operator => !found.has(operator))).toEqual([])
  })
})

describe('nothing is changed', () => {
  test.each([
    "import a from './a.ts'",
    "export { a } from './a.ts'",
    "type A = 'a' | 1",
    "interface A { a: 'a' }",
    'declare const a: 1',
    "console.log('a')",
    "log.debug('a', 1)",
    "const a: 'a' = b",
    "const a = b as 'a'",
    "import('./a.ts')".replace('import', 'void import'),
  ])('in %s', text => expect(changesOf(text).filter(change => change !== 'statement: ;')).toEqual([]))

  test('in a sentence, unless prose is asked for', () => {
    const text = "const a = new TypeError('no such thing')"
    expect(changesOf(text)).toEqual([])
    expect(changesOf(text, { prose: true })).toEqual(["string: const a = new TypeError('')"])
    expect(changesOf("const a = { b: 'more than two words' }")).toEqual([])
  })

  test('in a header or a media type, which are no sentences, is not so', () => {
    expect(changesOf("const a = 'text/plain; charset=utf-8'")).toHaveLength(1)
    expect(changesOf('const a = `Bearer ${b}`')).toHaveLength(1)
  })
})

test('a mutant that does not parse is told from one that does', () => {
  const mutant = (text: string): Mutant => ({
    operator: 'statement',
    file: 'src/a.ts',
    line: 1,
    start: 8,
    end: 9,
    text,
  })
  expect(parses('let a = 1', mutant('2'))).toBe(true)
  expect(parses('let a = 1', mutant(')'))).toBe(false)
})

test('a diff has the lines that change and three around them', () => {
  const text = '1\n2\n3\n4\nfive(\n6)\n7\n8\n9\n10\n'
  const start = text.indexOf('five')
  const diff = diffOf('src/a.ts', text, { operator: 'statement', start, end: text.indexOf('\n7'), text: ';' })
  expect(diff).toBe('--- a/src/a.ts\n+++ b/src/a.ts\n@@ -2,8 +2,7 @@\n 2\n 3\n 4\n-five(\n-6)\n+;\n 7\n 8\n 9')
})

describe('a sample', () => {
  const mutants = ['src/a/x.ts', 'src/b/x.ts', 'src/c/d/x.ts'].flatMap(file =>
    (['string', 'return'] as const).flatMap(operator =>
      Array.from({ length: operator === 'string' ? 50 : 10 }, (_, line): Mutant => {
        return { operator, file, line, start: line, end: line, text: '' }
      }),
    ),
  )

  test('is the same for the same seed, and another one for another', () => {
    expect(sampleOf(mutants, 10, 7)).toEqual(sampleOf(mutants, 10, 7))
    expect(sampleOf(mutants, 10, 7)).not.toEqual(sampleOf(mutants, 10, 8))
  })

  test('is spread evenly over operators and folders, as long as they have mutants', () => {
    const count = (sample: Mutant[], key: 'operator' | 'file') =>
      Object.fromEntries(
        Map.groupBy(sample, mutant => mutant[key])
          .entries()
          .map(([name, { length }]) => [name, length]),
      )
    const sample = sampleOf(mutants, 12, 3)
    expect(count(sample, 'operator')).toEqual({ string: 6, return: 6 })
    expect(count(sample, 'file')).toEqual({ 'src/a/x.ts': 4, 'src/b/x.ts': 4, 'src/c/d/x.ts': 4 })
    expect(count(sampleOf(mutants, 90, 3), 'operator')).toEqual({ string: 60, return: 30 })
  })

  test('of more than there are is all of them', () => expect(sampleOf(mutants, 1000, 1)).toEqual(mutants))
})

describe('probes', () => {
  const text = [
    'export const sign = (n: number) => (n < 0 ? -1 : 1)',
    'export function all(list: number[]) {',
    '  if (list.length === 0) return []',
    '  for (const n of list) if (n > 9) throw new Error(String(n))',
    '  const signs = list.map(n => ({ n, sign: sign(n) }))',
    '  switch (list.length) {',
    '    case 1:',
    "      return 'one'",
    '  }',
    '  return signs',
    '}',
  ].join('\n')

  /** The lines whose first character a run of `use` reaches. */
  const reached = async (use: string): Promise<string[]> => {
    const probed = withProbes(text, 5, './hits.ts')
    expect(probed.text.split('\n')).toHaveLength(11)
    const hits = new Uint8Array(100)
    const script = new Bun.Transpiler({ loader: 'ts' }).transformSync(probed.text.replace(/^import .*?;/, ''))
    new Function('__mutantHits', `${script.replaceAll('export ', '')}; try { ${use} } catch {}`)(hits)
    const run = probed.probes.filter(({ id }) => hits[id]).map(({ start, end }) => text.slice(start, end))
    return run.slice(1)
  }

  test('tell which statements, branches and bodies run', async () => {
    expect(await reached('')).toEqual([])
    expect(await reached('sign(3)')).toEqual(['(n < 0 ? -1 : 1)', '1'])
    expect(await reached('all([])')).toEqual(['if (list.length === 0) return []', 'return []'])
    expect(await reached('all([10])')).toContain('throw new Error(String(n))')
    expect(await reached('all([1])')).toContain("return 'one'")
    expect(await reached('all([1, 2])')).toEqual(expect.arrayContaining(['({ n, sign: sign(n) })', 'return signs']))
  })

  test('a mutant belongs to the smallest range around it', () => {
    const { probes } = withProbes(text, 5, './hits.ts')
    const at = (part: string) => {
      const { start, end } = probeAt(probes, text.indexOf(part))
      return text.slice(start, end)
    }
    expect(at('-1')).toBe('-1')
    expect(at('[]\n')).toBe('return []')
    expect(at("'one'")).toBe("return 'one'")
    expect(at('list: number')).toBe(text)
  })
})

test('test files run in groups that grow, in their order', () => {
  expect(batchesOf([1, 2, 3, 4, 5, 6, 7, 8])).toEqual([[1], [2, 3], [4, 5, 6, 7], [8]])
  expect(batchesOf([])).toEqual([])
})

describe('a project', () => {
  let root = ''
  let before: string[] = []
  let verdicts: Verdict[] = []
  const lines: string[] = []
  const files: Record<string, string> = {
    'src/limit.ts': [
      'export const isLarge = (size: number) => size > 9',
      'export const total = (sizes: number[]) => {',
      '  let sum = 0',
      '  for (const size of sizes) sum += size',
      '  return sum',
      '}',
      "export const unused = () => 'a'",
      '',
    ].join('\n'),
    'src/main.ts': 'console.log(process.argv.length)\nprocess.exitCode = 3\n',
    'src/loop.ts': 'export const halves = (n: number) => {\n  while (n > 1) n = n / 2\n  return n\n}\n',
    'tsconfig.json': '{ "compilerOptions": { "strict": true, "target": "esnext", "types": [] } }\n',
    'test/limit.test.ts': [
      "import { expect, test } from 'bun:test'",
      "import { isLarge, total } from '../src/limit.ts'",
      "test('sizes', () => {",
      '  expect(isLarge(20)).toBe(true)',
      '  expect(isLarge(1)).toBe(false)',
      '  expect(total([2, 3])).toBe(5)',
      '})',
      '',
    ].join('\n'),
    'test/main.test.ts': [
      "import { expect, test } from 'bun:test'",
      "test('the exit code', async () => {",
      "  const child = Bun.spawn([process.execPath, import.meta.dir + '/../src/main.ts'], { env: {}, stdout: 'ignore' })",
      '  expect(await child.exited).toBe(3)',
      '})',
      '',
    ].join('\n'),
    'test/loop.test.ts': [
      "import { expect, test } from 'bun:test'",
      "import { halves } from '../src/loop.ts'",
      "test('halves', () => expect(halves(8)).toBe(1))",
      '',
    ].join('\n'),
    'test/broken.test.ts': "import { expect, test } from 'bun:test'\ntest('broken', () => expect(1).toBe(2))\n",
  }
  const options = (paths: string[] = []): Options => ({
    root,
    paths,
    seed: 1,
    prose: false,
    types: false,
    workers: 2,
    patience: 2000,
    log: line => lines.push(line),
  })
  const copies = () => readdirSync(tmpdir()).filter(name => name.startsWith('mutant-') && name !== 'mutant-coverage')

  beforeAll(async () => {
    before = copies()
    root = await mkdtemp(join(tmpdir(), 'mutated-project-'))
    process.env['MUTANT_COVERAGE'] = `${root}-coverage`
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(root, file, '..'), { recursive: true })
      await writeFile(join(root, file), text)
    }
    const sources = readSources(root)
    const paths = ['src/limit.ts', 'src/main.ts', 'src/loop.ts:2']
    const mutants = selectMutants(sources, options(paths)).filter(
      ({ operator, file }) => file !== 'src/loop.ts' || operator === 'condition' || operator === 'arithmetic',
    )
    verdicts = await judgeAll(sources, mutants, options(paths))
  }, 120_000)
  afterAll(async () => {
    delete process.env['MUTANT_COVERAGE']
    await rm(`${root}-coverage`, { recursive: true, force: true })
    await rm(root, { recursive: true, force: true })
  })

  const found = (file: string) =>
    verdicts
      .filter(({ mutant }) => mutant.file === file)
      .map(({ mutant, status }) => `${mutant.line} ${mutant.operator} ${mutant.text}: ${status}`)

  test('has its mutants killed where a test checks the result, and no others', () => {
    expect(found('src/limit.ts')).toEqual([
      '1 return true: killed',
      '1 return false: killed',
      '1 boundary >=: survived',
      '1 number 10: survived',
      '3 number 1: killed',
      '4 statement {}: killed',
      '4 arithmetic -=: killed',
      '5 return undefined: killed',
      '7 return undefined: uncovered',
      "7 string '': uncovered",
    ])
  })

  test('has the mutants of a process that a test starts killed too', () => {
    expect(found('src/main.ts')).toEqual(['2 statement ;: killed', '2 number 4: killed'])
  })

  test('has a mutant ended that never ends by itself', () => {
    expect(found('src/loop.ts')).toEqual(['2 condition false: killed', '2 arithmetic *: timed out'])
  })

  test('is judged by the tests that execute the code', () => {
    const tests = verdicts.filter(({ status }) => status !== 'uncovered').map(verdict => verdict.tests)
    expect(new Set(tests)).toEqual(new Set([1]))
    expect(verdicts[0]?.by).toBe('test/limit.test.ts: sizes')
  })

  test('keeps a test that fails without a mutant out of it', () => {
    expect(lines.filter(line => line.startsWith('left out'))).toEqual([expect.stringContaining('test/broken.test.ts')])
  })

  test('stays as it is, and no copy of it stays', async () => {
    for (const [file, text] of Object.entries(files)) expect(await readFile(join(root, file), 'utf8')).toBe(text)
    expect(readdirSync(root).sort()).toEqual(['src', 'test', 'tsconfig.json'])
    expect(
      copies().filter(name => !before.includes(name) && existsSync(join(tmpdir(), name, 'project/src/loop.ts'))),
    ).toEqual([])
  })

  test('has its types checked on request', () => {
    const sources = readSources(root)
    const checks = createTypeCheck(root, sources)
    const mutants = selectMutants(sources, options(['src/limit.ts']))
    const refused = mutants.filter(mutant => !checks(mutant)).map(({ line, operator }) => `${line} ${operator}`)
    expect(refused).toEqual([])
    const returned = selectMutants(sources, options(['src/loop.ts'])).find(({ operator }) => operator === 'return')!
    expect(checks({ ...returned, text: 'missing' })).toBe(false)
    expect(checks(returned)).toBe(true)
  }, 60_000)

  test('is measured once', async () => {
    lines.length = 0
    await judgeAll(readSources(root), [], options())
    expect(lines.filter(line => line.startsWith('measured'))).toEqual([])
  })

  test('gets a report of what survived, with a diff and a score', () => {
    const sources = readSources(root)
    const report = textReport(verdicts, sources)
    expect(report).toContain('src/limit.ts:1 survived (boundary; 1 test file passed)\n--- a/src/limit.ts')
    expect(report).toContain('+export const isLarge = (size: number) => size >= 9\n')
    expect(report).toContain('src/limit.ts:7 uncovered (return; no test executes it)')
    const limits = verdicts.filter(({ mutant }) => mutant.file === 'src/limit.ts')
    expect(scoreOf(limits)).toMatchObject({ killed: 6, survived: 2, uncovered: 2, score: 60 })
    expect(textReport(limits, sources)).toEndWith(
      '6 killed, 2 survived, 0 timed out, 2 uncovered, 0 compile error; score 60.0 %',
    )
    const json = JSON.parse(jsonReport(verdicts, sources, 1))
    expect(json.mutants).toHaveLength(verdicts.length)
    expect(json.mutants[2]).toMatchObject({ file: 'src/limit.ts', line: 1, status: 'survived', operator: 'boundary' })
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('has no copy and no process left after %s', async signal => {
    const program = [
      `import { cleanUpOnSignal, createOverlay } from ${JSON.stringify(overlayPath)}`,
      'cleanUpOnSignal()',
      `const overlay = await createOverlay(${JSON.stringify(root)})`,
      "await Bun.write(Bun.stdout, overlay.root + '\\n')",
      "await overlay.run(['sh', '-c', 'echo $$ > pid; sleep 300; true'], 300_000)",
    ].join('\n')
    const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe' })
    const folder = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim()
    const pid = await waitUntil(
      () => existsSync(join(folder, 'pid')) && (Number(readFileSync(join(folder, 'pid'), 'utf8')) || false),
    )
    child.kill(signal)
    expect(await child.exited).toBe(signal === 'SIGINT' ? 130 : 143)
    expect(existsSync(join(folder, '..'))).toBe(false)
    await waitUntil(() => !isRunning(pid))
  })

  test('is asked for by file, folder or line; a path that is not there is an error', () => {
    expect(selectorOf(root, 'src')('src/loop.ts', 2)).toBe(true)
    expect(selectorOf(root, 'src/')('src/loop.ts', 2)).toBe(true)
    expect(selectorOf(root, './src/loop.ts:2')('src/loop.ts', 2)).toBe(true)
    expect(selectorOf(root, 'src/loop.ts:2')('src/loop.ts', 3)).toBe(false)
    expect(() => selectorOf(root, 'src/none.ts')).toThrow('there is no src/none.ts')
  })
})

test('a mutant that never ends has timed out, and counts as noticed', () => {
  const mutant = mutantsOf('src/a.ts', 'f(1)')[0]!
  const verdict = (status: Verdict['status']): Verdict => ({ mutant, status, tests: 1, seconds: 1 })
  expect(scoreOf([verdict('timed out'), verdict('survived'), verdict('compile error')]).score).toBe(50)
  expect(scoreOf([]).score).toBe(100)
})
