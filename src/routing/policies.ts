/**
 * The routing strategies: the order in which the candidates of a request are tried. Each is one function. None drops a
 * candidate.
 */
import type { Strategy } from '../config/compiled.ts'
import { createTargetStats, type TargetStats } from './target-stats.ts'

export type Candidate<T> = {
  /** Identifies the candidate across reloads. */
  name: string
  /** A candidate of weight 0 comes last. */
  weight: number
  value: T
  /**
   * The key of its load statistics and the ids of its targets, for the strategies that measure. Both default to `name`.
   */
  loadKey?: string
  targetIds?: readonly string[]
}

export type PolicyContext = {
  /** What is selected for. It keys the position of `round_robin` and is part of what `hash` sticks to. */
  key: string
  affinity: () => string
  /** Does not advance the position of `round_robin`. */
  peek?: boolean
}

/** Orders the candidates, best first. It never changes the given array. */
export type Policy = <T>(candidates: readonly Candidate<T>[], context: PolicyContext) => readonly Candidate<T>[]

/** Uniformly distributed in [0, 1). */
export type Random = () => number

/** How well a target serves at present: its recent success × the share of its limits that is left, from 0 to 1. */
export type Fitness = (targetId: string) => number

/** The next position for each key, which survives reloads. Bounded: behind a wildcard, clients name the keys. */
export type RoundRobinPositions = Map<string, number>
const maxPositions = 10_000

const orderByScore = <T>(
  candidates: readonly Candidate<T>[],
  score: (choice: Candidate<T>) => number,
): Candidate<T>[] =>
  candidates
    .map(choice => ({ choice, score: score(choice) }))
    .sort((one, other) => one.score - other.score)
    .map(({ choice }) => choice)

/**
 * For a `draw` in (0, 1): the candidate with the smallest result wins with a probability proportional to its weight.
 */
const weightedDraw = (draw: number, weight: number): number =>
  weight > 0 ? -Math.log(draw) / weight : Number.POSITIVE_INFINITY

/** The candidates as they are configured. */
export const firstPolicy: Policy = candidates => candidates

/** The chance is the weight × how well the best target of the candidate serves at present. */
const randomPolicy =
  (random: Random, fitness: Fitness): Policy =>
  candidates =>
    orderByScore(candidates, ({ name, targetIds = [name], weight }) =>
      weightedDraw(1 - random(), weight * bestOf(targetIds, fitness)),
    )

/** The fitness of the best target. */
export const bestOf = (targetIds: readonly string[], fitness: Fitness): number => {
  let best = 0
  for (const id of targetIds) best = Math.max(best, fitness(id))
  return best
}

/** 32-bit FNV-1a hash. */
const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** Spreads 32 bits over all 32: the finalizer of MurmurHash3. */
const mixBits = (bits: number): number => {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Weighted rendezvous hashing: a candidate that is added or removed moves only the keys that it wins or held. */
const hashPolicy: Policy = (candidates, { key, affinity }) => {
  const stickyHash = fnv1a(`${affinity()}\n${key}`)
  return orderByScore(candidates, ({ name, weight }) =>
    weightedDraw((mixBits(stickyHash ^ mixBits(fnv1a(name))) + 0.5) / 2 ** 32, weight),
  )
}

const greatestCommonDivisor = (one: number, other: number): number =>
  other === 0 ? one : greatestCommonDivisor(other, one % other)

/** Whole numbers in the proportion of the weights, to a thousandth. If all weights are 0, each share is 1. */
const integerShares = (weights: readonly number[]): number[] => {
  const scaled = weights.map(weight => (weight > 0 ? Math.max(1, Math.round(weight * 1000)) : 0))
  const divisor = scaled.reduce(greatestCommonDivisor, 0)
  return divisor === 0 ? scaled.map(() => 1) : scaled.map(share => share / divisor)
}

/** Weights 1:2 produce A B B. The selected candidate is followed by the next ones in the circle. */
const roundRobinPolicy =
  (positions: RoundRobinPositions): Policy =>
  (candidates, { key, peek }) => {
    const counts = integerShares(candidates.map(({ weight }) => weight))
    const round = counts.reduce((sum, one) => sum + one, 0)
    let position = (positions.get(key) ?? 0) % round
    if (!peek) advance(positions, key, (position + 1) % round)
    let at = 0
    while (position >= counts[at]!) position -= counts[at++]!
    const rotated = [...candidates.slice(at), ...candidates.slice(0, at)]
    return [...rotated.filter(({ weight }) => weight > 0), ...rotated.filter(({ weight }) => weight <= 0)]
  }

const advance = (positions: RoundRobinPositions, key: string, position: number): void => {
  if (positions.size >= maxPositions && !positions.has(key)) positions.delete(positions.keys().next().value!)
  positions.set(key, position)
}

/**
 * Orders by score, lowest first. Equal scores are ordered at random, in proportion to the weights. Candidates of weight
 * 0 come last.
 */
const scorePolicy =
  (score: (choice: Candidate<unknown>) => number, random: Random): Policy =>
  candidates =>
    candidates
      .map(choice => ({ choice, score: score(choice), tieBreak: weightedDraw(1 - random(), choice.weight) }))
      .sort(
        (one, other) =>
          weightClass(other.choice) - weightClass(one.choice) ||
          one.score - other.score ||
          one.tieBreak - other.tieBreak,
      )
      .map(({ choice }) => choice)

const weightClass = ({ weight }: Candidate<unknown>): number => (weight > 0 ? 1 : 0)

/** The weight divides the load: a candidate of weight 2 holds twice as many requests as one of weight 1. */
const leastBusyPolicy = (stats: TargetStats, random: Random): Policy =>
  scorePolicy(({ name, loadKey = name, weight }) => stats.load(loadKey) / (weight > 0 ? weight : 1), random)

/**
 * A candidate of several targets is as fast as its fastest target. A target that has to be tried comes before all
 * measured ones.
 */
const fastestPolicy = (stats: TargetStats, random: Random): Policy =>
  scorePolicy(
    ({ name, targetIds = [name] }) => Math.min(...targetIds.map(target => stats.expectedLatency(target) ?? -1)),
    random,
  )

/** The source of randomness, the round-robin positions and the target statistics. By default nothing is known yet. */
export type PolicyOptions = { random?: Random; positions?: RoundRobinPositions; stats?: TargetStats; fitness?: Fitness }

/** Creates one policy for each strategy. */
export const createPolicies = ({
  random = Math.random,
  positions = new Map(),
  stats = createTargetStats(),
  fitness = () => 1,
}: PolicyOptions = {}): Record<Strategy, Policy> => ({
  first: firstPolicy,
  random: randomPolicy(random, fitness),
  round_robin: roundRobinPolicy(positions),
  hash: hashPolicy,
  least_busy: leastBusyPolicy(stats, random),
  fastest: fastestPolicy(stats, random),
})

/** The items in a random order. The chance of an item to come first is its fitness; equal ones have an even lot. */
export const shuffleByFitness = <T>(items: readonly T[], fitnessOf: (item: T) => number, random: Random): T[] =>
  items
    .map(item => ({ item, draw: weightedDraw(1 - random(), fitnessOf(item)) }))
    .sort((one, other) => one.draw - other.draw)
    .map(({ item }) => item)
