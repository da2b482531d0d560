/** Fair figures of steady state: contenders take turns until the compilers of the runtime have nothing left to do. */

export type Figures = Record<string, number>
/** `sets`: how many processes of each contender were measured, where it was more than one. */
export type Steady = { figures: Map<string, Figures>; rounds: number; settled: boolean; sets?: number }

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

/** The mean of the middle half: as deaf to a bad round as the median, and steadier. */
export const midmean = (values: number[]): number => {
  const cut = Math.floor(values.length / 4)
  const middle = values.toSorted((one, other) => one - other).slice(cut, values.length - cut)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/** Has a contender's figure stopped falling over the last rounds? */
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
  const figures = new Map([...history].map(([name, all]) => [name, across(all.slice(-counted), median)]))
  return { figures, rounds, settled: steady() }
}

/** Sets of contenders, one after the other, and so many rounds with each. */
export type Sets<Contender> = {
  sets: number
  rounds: number
  /** Warm enough to be measured. */
  start: () => Promise<Contender[]>
  stop: (contenders: Contender[]) => Promise<unknown>
}

/**
 * One process differs from the next, in what its compilers chose and where its memory lies, by as much as a round from another: so several of each
 * contender are measured, and told is the mean of the middle half of all their rounds.
 */
export const takeTurnsAnew = async <Contender extends { name: string }>(
  { sets, rounds, start, stop }: Sets<Contender>,
  measure: (contender: Contender) => Promise<Figures>,
): Promise<Steady> => {
  const history = new Map<string, Figures[]>()
  for (let set = 0; set < sets; set++) {
    const contenders = await start()
    for (let round = 0; round < rounds; round++)
      for (const contender of contenders)
        history.set(contender.name, [...(history.get(contender.name) ?? []), await measure(contender)])
    await stop(contenders)
  }
  const figures = new Map([...history].map(([name, all]) => [name, across(all, midmean)]))
  return { figures, rounds: sets * rounds, settled: true, sets }
}

const across = (rounds: Figures[], told: (values: number[]) => number): Figures =>
  Object.fromEntries(Object.keys(rounds[0] ?? {}).map(key => [key, told(rounds.map(round => round[key]!))]))
