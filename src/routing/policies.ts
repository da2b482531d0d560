/** The strategies: in which order the choices for a request are tried. One function each; none of them drops a choice. */
import type { Strategy } from '../config/compiled.ts'
import { processTargetStats, type TargetStats } from './target-stats.ts'

export type Candidate<T> = {
  /** Tells the choice apart across reloads. */
  name: string
  /** A weight of 0 comes last. */
  weight: number
  value: T
  /** Where its load is counted, and the ids of the targets behind it, for the strategies that measure; absent: `name`. */
  place?: string
  targets?: readonly string[]
}

export type Question = {
  /** What is chosen for: names the counter of `round_robin`, and is part of what `hash` sticks to. */
  key: string
  affinity: () => string
  /** Only looks: `round_robin` does not move on. */
  peek?: boolean
}

/** Orders the choices, best first; never changes the list it is given. */
export type Policy = <T>(choices: readonly Candidate<T>[], question: Question) => readonly Candidate<T>[]

/** Evenly spread in [0, 1). */
export type Random = () => number

/** Turns taken so far, by key. Bounded: behind a wildcard, clients name the keys. */
export type Turns = Map<string, number>
const mostTurns = 10_000

/** The process's own: round robin goes on where it was after a reload. */
const processTurns: Turns = new Map()

const orderBy = <T>(choices: readonly Candidate<T>[], score: (choice: Candidate<T>) => number): Candidate<T>[] =>
  choices
    .map(choice => ({ choice, score: score(choice) }))
    .sort((one, other) => one.score - other.score)
    .map(({ choice }) => choice)

/** With a `draw` in (0, 1) the smallest result wins in proportion to the weights. */
const race = (draw: number, weight: number): number =>
  weight > 0 ? -Math.log(draw) / weight : Number.POSITIVE_INFINITY

const first: Policy = choices => choices

const byChance =
  (random: Random): Policy =>
  choices =>
    orderBy(choices, ({ weight }) => race(1 - random(), weight))

/** 32 bits of a text, FNV-1a. */
const digest = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** Spreads 32 bits over all 32 (the finish of MurmurHash3). */
const spread = (bits: number): number => {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Weighted rendezvous: a choice that comes or goes moves only what it wins or held. */
const byHash: Policy = (choices, { key, affinity }) => {
  const sticky = digest(`${affinity()}\n${key}`)
  return orderBy(choices, ({ name, weight }) => race((spread(sticky ^ spread(digest(name))) + 0.5) / 2 ** 32, weight))
}

const divisor = (one: number, other: number): number => (other === 0 ? one : divisor(other, one % other))

/** Whole numbers in the proportion of the weights, to a thousandth; all 0: one each. */
const shares = (weights: readonly number[]): number[] => {
  const whole = weights.map(weight => (weight > 0 ? Math.max(1, Math.round(weight * 1000)) : 0))
  const common = whole.reduce(divisor, 0)
  return common === 0 ? whole.map(() => 1) : whole.map(share => share / common)
}

/** Weights 1:2 take turns as A B B; behind the one whose turn it is come the next in the circle. */
const byTurn =
  (turns: Turns): Policy =>
  (choices, { key, peek }) => {
    const share = shares(choices.map(({ weight }) => weight))
    const round = share.reduce((sum, one) => sum + one, 0)
    let turn = (turns.get(key) ?? 0) % round
    if (!peek) advance(turns, key, (turn + 1) % round)
    let at = 0
    while (turn >= share[at]!) turn -= share[at++]!
    const circle = [...choices.slice(at), ...choices.slice(0, at)]
    return [...circle.filter(({ weight }) => weight > 0), ...circle.filter(({ weight }) => weight <= 0)]
  }

const advance = (turns: Turns, key: string, turn: number): void => {
  if (turns.size >= mostTurns && !turns.has(key)) turns.delete(turns.keys().next().value!)
  turns.set(key, turn)
}

/** Choices of the same rank come by lot, in proportion to their weights; those of weight 0 come behind all others. */
const byRank =
  (rank: (choice: Candidate<unknown>) => number, random: Random): Policy =>
  choices =>
    choices
      .map(choice => ({ choice, rank: rank(choice), lot: race(1 - random(), choice.weight) }))
      .sort(
        (one, other) => hasWeight(other.choice) - hasWeight(one.choice) || one.rank - other.rank || one.lot - other.lot,
      )
      .map(({ choice }) => choice)

const hasWeight = ({ weight }: Candidate<unknown>): number => (weight > 0 ? 1 : 0)

/** The weight divides the load: one of weight 2 holds twice as many requests before another's turn comes. */
const byLoad = (stats: TargetStats, random: Random): Policy =>
  byRank(({ name, place = name, weight }) => stats.load(place) / (weight > 0 ? weight : 1), random)

/** What stands for several targets is as fast as the fastest of them; one that has to be tried comes before all that are known. */
const byPace = (stats: TargetStats, random: Random): Policy =>
  byRank(
    ({ name, targets = [name] }) => Math.min(...targets.map(target => stats.expectedLatency(target) ?? -1)),
    random,
  )

/** `random` in [0, 1), turns and pulse are the process's own unless given. */
export type Chances = { random?: Random; turns?: Turns; stats?: TargetStats }

/** One policy per strategy. */
export const createPolicies = ({
  random = Math.random,
  turns = processTurns,
  stats = processTargetStats,
}: Chances = {}): Record<Strategy, Policy> => ({
  first,
  random: byChance(random),
  round_robin: byTurn(turns),
  hash: byHash,
  least_busy: byLoad(stats, random),
  fastest: byPace(stats, random),
})

/** A fair shuffle of a copy. */
export const shuffle = <T>(items: readonly T[], random: Random): T[] => {
  const mixed = [...items]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!]
  }
  return mixed
}
