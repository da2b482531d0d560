/** The figures of a world's runs, and whether they reach its aims. */
import type { Arrival } from './arrivals.ts'
import type { AskResult } from './ask.ts'
import { runIdeal } from './ideal.ts'
import type { PlayResult } from './play.ts'
import type { World } from './worlds.ts'

/** Undefined where there is nothing to count. Times in seconds, the others per request. */
export type Figures = {
  requests: number
  answered: number
  p50?: number
  p95?: number
  p99?: number
  slowest?: number
  refused?: number
  broken?: number
  cancelled: number
  /** Where no vendor can answer: the share of requests that ended as they have to. */
  failedWell?: number
  /** Milliseconds: the largest of the runs. */
  lag: number
}

/** After the first minute the gateway knows its vendors. */
const learnedAfter = 60

export const percentile = (values: readonly number[], share: number): number | undefined =>
  [...values].sort((one, other) => one - other)[Math.max(0, Math.ceil(values.length * share) - 1)]

type CountedCall = { at: number; verdict: string }
/** Calls per request, both from `learnedAfter` on. */
const perRequestLater = (
  runs: readonly { arrivals: readonly Pick<Arrival, 'at'>[]; calls: readonly CountedCall[] }[],
  verdict: string,
): number | undefined => {
  const later = <Item extends { at: number }>(items: readonly Item[]) => items.filter(({ at }) => at >= learnedAfter)
  const requests = runs.reduce((sum, { arrivals }) => sum + later(arrivals).length, 0)
  if (requests === 0) return undefined
  const calls = runs.flatMap(run => later(run.calls)).filter(call => call.verdict === verdict)
  return calls.length / requests
}

export const figuresOf = (world: World, runs: readonly PlayResult[]): Figures => {
  const results = runs.flatMap(run => run.results)
  const answered = results.filter(({ isAnswered }) => isAnswered)
  const begins = answered.map(({ begin, total }) => begin ?? total)
  const cancelled = runs.flatMap(({ calls }) => calls).filter(({ verdict }) => verdict === 'cancelled')
  const counted = runs.map(run => ({ arrivals: run.results.map(({ arrival }) => arrival), calls: run.calls }))
  return {
    requests: results.length,
    answered: answered.length / results.length,
    p50: percentile(begins, 0.5),
    p95: percentile(begins, 0.95),
    p99: percentile(begins, 0.99),
    slowest: percentile(
      results.map(({ total }) => total),
      1,
    ),
    refused: perRequestLater(counted, 'refused'),
    broken: perRequestLater(counted, 'broken'),
    cancelled: cancelled.length / results.length,
    ...(world.failure && { failedWell: results.filter(result => failsWell(world, result)).length / results.length }),
    lag: Math.max(...runs.map(({ lag }) => lag)),
  }
}

/** An error inside a stream that had begun counts as well as one with its own status. */
export const failsWell = ({ failure }: World, result: AskResult): boolean => {
  const { isAnswered, status, total, reason, retryAfter = 0 } = result
  if (!failure || isAnswered || status === undefined || total > failure.seconds) return false
  if (status === 200) return reason?.startsWith('error inside') === true
  const { retryAfter: longest } = failure
  return failure.statuses.includes(status) && (longest === undefined || (retryAfter > 0 && retryAfter <= longest))
}

/** The figures of the chooser that knows everything, for the same seeds. */
export const idealFigures = (
  world: World,
  seeds: readonly number[],
): Pick<Figures, 'answered' | 'broken' | 'refused' | 'p95'> => {
  const runs = seeds.map(seed => runIdeal(world, seed))
  const requests = runs.reduce((sum, { arrivals }) => sum + arrivals.length, 0)
  const begins = runs.flatMap(run => run.begins)
  return {
    answered: begins.length / requests,
    broken: perRequestLater(runs, 'broken'),
    refused: perRequestLater(runs, 'refused'),
    p95: percentile(begins, 0.95),
  }
}

export type Judged = { label: string; value: number | undefined; aim: number; isReached: boolean | undefined }

/** The smallest aim for broken calls a request: a target that failed has to be tried again now and then. */
const leastBroken = 0.03

/** One judgement for each aim of the world. Undefined: nothing to judge by. */
export const judge = (world: World, figures: Figures, ideal: { broken?: number }): Judged[] => {
  const { aims } = world
  const atMost = (label: string, value: number | undefined, aim: number | undefined): Judged[] =>
    aim === undefined ? [] : [{ label, value, aim, isReached: value === undefined ? undefined : value <= aim }]
  const atLeast = (label: string, value: number, aim: number): Judged => ({
    label,
    value,
    aim,
    isReached: value >= aim,
  })
  const broken =
    aims.broken === 'twice ideal' ? Math.max(leastBroken, 2 * (ideal.broken ?? Number.POSITIVE_INFINITY)) : aims.broken
  return [
    world.failure
      ? atLeast('failed as they have to', figures.failedWell ?? 0, 1)
      : atLeast('answered', figures.answered, aims.answered),
    ...atMost('p95', figures.p95, aims.p95),
    ...atMost('p99', figures.p99, aims.p99),
    ...atMost('refused', figures.refused, aims.refused),
    ...atMost('broken', figures.broken, broken),
    ...atMost('cancelled', figures.cancelled, aims.cancelled),
  ]
}
