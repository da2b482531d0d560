/** Renders the runs of a world as Markdown. */
import type { AskResult } from './ask.ts'
import { type Figures, failsWell, figuresOf, type Judged } from './figures.ts'
import type { PlayResult } from './play.ts'
import type { World } from './worlds.ts'

const number = (value: number | undefined, digits = 2): string =>
  value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits)
const percent = (value: number | undefined): string => (value === undefined ? '–' : `${(value * 100).toFixed(2)} %`)
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [line(head), line(head.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line), ''].join('\n')

const columns = [
  'seed',
  'requests',
  'answered',
  'p50',
  'p95',
  'p99',
  'slowest',
  'refused',
  'broken',
  'cancelled',
  'lag',
]
const figureRow = (label: string, figures: Figures, hasFailure: boolean): string[] => [
  label,
  String(figures.requests),
  percent(figures.answered),
  ...(hasFailure ? [percent(figures.failedWell)] : []),
  ...[figures.p50, figures.p95, figures.p99, figures.slowest].map(value => number(value)),
  ...[figures.refused, figures.broken, figures.cancelled].map(value => number(value, 3)),
  `${figures.lag.toFixed(0)} ms`,
]

const seedTable = (world: World, runs: readonly PlayResult[]): string => {
  const hasFailure = world.failure !== undefined
  const rows = runs.map(run => figureRow(String(run.seed), figuresOf(world, [run]), hasFailure))
  const pooled = figureRow('**pooled**', figuresOf(world, runs), hasFailure)
  return table(hasFailure ? columns.toSpliced(3, 0, 'failed well') : columns, [...rows, pooled])
}

/** Counts of calls in the first minute, then in the second. */
const vendorTable = (world: World, runs: readonly PlayResult[]): string => {
  const names = world.vendors(runs[0]!.seed).map(({ name }) => name)
  const calls = runs.flatMap(run => run.calls)
  const rows = names.map(name => {
    const own = calls.filter(({ vendor }) => vendor === name)
    const counts = ['answered', 'refused', 'broken', 'cancelled'].map(verdict => {
      const counted = own.filter(call => call.verdict === verdict)
      const early = counted.filter(({ at }) => at < 60).length
      return `${early} + ${counted.length - early}`
    })
    const causes = countBy(own.filter(({ verdict }) => verdict !== 'answered').map(({ cause }) => cause))
    return [name, ...counts, causes.map(([cause, count]) => `${cause} ${count}`).join(', ')]
  })
  return table(['vendor (first minute + later)', 'answered', 'refused', 'broken', 'cancelled', 'causes'], rows)
}

const countBy = (items: readonly string[]): [item: string, count: number][] => {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return [...counts].sort((one, other) => other[1] - one[1])
}

/** Reasons that differ in numbers and identifiers only are one. */
const reasonOf = ({ reason = '' }: AskResult): string =>
  reason
    .replaceAll(/\b[a-z]+x\d+x\d+\b/g, 'NONCE')
    .replaceAll(/\b(?:req|resp|msg)_\w+/g, 'ID')
    .replaceAll(/\d+(?:\.\d+)?(?= ?(?:s|ms|seconds|characters)\b)/g, 'N')

type Asked = { run: PlayResult; result: AskResult }

/** When a request arrived, what the gateway called for it, and how long it took. */
const describeRequest = ({ run, result }: Asked): string => {
  const { arrival, begin, total } = result
  const calls = run.calls
    .filter(({ nonce }) => nonce === arrival.nonce)
    .map(({ vendor, at, cause, verdict }) => {
      const what = verdict === 'cancelled' ? `${cause}, cancelled` : cause
      return `${vendor} +${Math.max(0, at - arrival.at).toFixed(1)} ${what}`
    })
  const end = begin === undefined ? `ended after ${total.toFixed(1)} s` : `begun after ${begin.toFixed(1)} s`
  return `seed ${run.seed}, ${arrival.at.toFixed(1)} s: ${calls.join(' → ') || 'no call'}; ${end}`
}

/** The number of requests that are shown for a reason, and of the slowest answers. */
const shown = 4

const unansweredList = (world: World, runs: readonly PlayResult[]): string => {
  const isBad = (result: AskResult) => (world.failure ? !failsWell(world, result) : !result.isAnswered)
  const bad = runs.flatMap(run => run.results.filter(isBad).map((result): Asked => ({ run, result })))
  if (bad.length === 0) return ''
  const groups = countBy(bad.map(({ result }) => reasonOf(result))).map(([reason, count]) => {
    const members = bad.filter(({ result }) => reasonOf(result) === reason)
    const examples = members.slice(0, shown).map(member => `  - ${describeRequest(member)}`)
    return [`- ${count} × ${reason || 'answered'}`, ...examples].join('\n')
  })
  return [world.failure ? 'Not failed as they have to:' : 'Unanswered:', '', ...groups, ''].join('\n')
}

const slowestList = (runs: readonly PlayResult[]): string => {
  const answered = runs.flatMap(run =>
    run.results.filter(({ isAnswered }) => isAnswered).map((result): Asked => ({ run, result })),
  )
  const slowest = answered.toSorted((one, other) => other.result.begin! - one.result.begin!).slice(0, 2 * shown)
  if (slowest.length === 0) return ''
  return ['The slowest answers:', '', ...slowest.map(one => `- ${describeRequest(one)}`), ''].join('\n')
}

export const renderWorld = (
  world: World,
  runs: readonly PlayResult[],
  ideal: Pick<Figures, 'answered' | 'broken' | 'refused' | 'p95'>,
  judged: readonly Judged[],
): string => {
  const verdicts = judged.map(
    ({ label, value, aim, isReached }) =>
      `${label} ${number(value, 3)} (aim ${number(aim, 3)}${isReached === undefined ? ', not judged' : isReached ? '' : ', **missed**'})`,
  )
  return [
    `### The world \`${world.name}\`: ${world.about}`,
    '',
    'Times in seconds to the begin of the answer. Refused and broken calls: per request, after the first minute; cancelled: all.',
    '',
    seedTable(world, runs),
    vendorTable(world, runs),
    ...(world.failure
      ? []
      : [
          `A chooser that knows every vendor's rate: ${percent(ideal.answered)} answered, p95 ${number(ideal.p95)}, refused ${number(ideal.refused, 3)}, broken ${number(ideal.broken, 3)}.`,
          '',
        ]),
    unansweredList(world, runs),
    slowestList(runs),
    `Aims: ${verdicts.join('; ')}.`,
    '',
  ].join('\n')
}
