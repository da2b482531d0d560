/** Fair figures of steady state: contenders take turns until the compilers of the runtime have nothing left to do. */

export type Figures = Record<string, number>
export type Steady = { figures: Map<string, Figures>; rounds: number; settled: boolean }

/**
 * `most` rounds, or as many as begin within `milliseconds`; never less than `least`. A figure that falls by more than `fall` is not steady. Told
 * is the median of the last `counted` rounds.
 */
export type Patience = { least: number; most: number; milliseconds: number; fall: number; counted: number }

export const patience: Patience = { least: 4, most: 8, milliseconds: 60_000, fall: 0.05, counted: 3 }

/** The last rounds, which say whether a figure still falls. */
const looked = 3

export const median = (values: number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN

/** Has a contender's figure stopped falling over the rounds that count? */
export const isSteady = (history: number[], fall: number): boolean => {
  const last = history.slice(-looked)
  return last.length === looked && last.every((value, at) => at === 0 || value >= last[at - 1]! * (1 - fall))
}

/**
 * One round measures every contender once, in turn. Ends when `watched` no longer falls for any of them; the figures are the medians of the
 * last rounds.
 */
export const takeTurns = async <Contender extends { name: string }>(
  contenders: Contender[],
  watched: string,
  measure: (contender: Contender) => Promise<Figures>,
  { least, most, milliseconds, fall, counted }: Patience = patience,
): Promise<Steady> => {
  const began = performance.now()
  const history = new Map(contenders.map(({ name }) => [name, [] as Figures[]]))
  const steady = () =>
    [...history.values()].every(rounds =>
      isSteady(
        rounds.map(round => round[watched]!),
        fall,
      ),
    )
  let rounds = 0
  while (rounds < least || (rounds < most && !steady() && performance.now() - began < milliseconds)) {
    for (const contender of contenders) history.get(contender.name)!.push(await measure(contender))
    rounds++
  }
  const figures = new Map([...history].map(([name, all]) => [name, mediansOf(all.slice(-counted))]))
  return { figures, rounds, settled: steady() }
}

const mediansOf = (rounds: Figures[]): Figures =>
  Object.fromEntries(Object.keys(rounds[0] ?? {}).map(key => [key, median(rounds.map(round => round[key]!))]))
