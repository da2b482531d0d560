/**
 * Measures contenders in turn until their JIT compilers have nothing left to do, which gives fair figures of the steady
 * state.
 */

export type Figures = Record<string, number>
/** `sets`: the figures of each set of processes, if there were several. */
export type RoundsResult = {
  figures: Map<string, Figures>
  rounds: number
  settled: boolean
  sets?: Map<string, Figures>[]
}

/**
 * Runs at most `maxRounds`, starts none after `maxMilliseconds`, but always runs `minRounds`. A figure that falls by
 * more than `tolerance` (a fraction) is not steady. The result is the median of the last three rounds.
 */
export type RoundLimits = { minRounds: number; maxRounds: number; maxMilliseconds: number; tolerance: number }

export const defaultRoundLimits: RoundLimits = { minRounds: 4, maxRounds: 8, maxMilliseconds: 60_000, tolerance: 0.05 }

/** The number of last rounds that count, and that show whether a figure still falls. */
const countedRounds = 3

export const median = (values: number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN

/**
 * The mean of the middle half. It is steadier than the median and ignores bad rounds while they are less than a
 * quarter.
 */
export const midmean = (values: number[]): number => {
  const cut = Math.floor(values.length / 4)
  const middle = values.toSorted((one, other) => one - other).slice(cut, values.length - cut)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/** Whether a contender's figure stopped falling over the last rounds. */
export const isSteady = (history: number[], tolerance: number): boolean => {
  const last = history.slice(-countedRounds)
  return (
    last.length === countedRounds && last.every((value, at) => at === 0 || value >= last[at - 1]! * (1 - tolerance))
  )
}

/**
 * Each round measures every contender once, in turn. Ends when `watchedFigure` no longer falls for any contender. The
 * figures are the medians of the last rounds.
 */
export const measureRounds = async <Contender extends { name: string }>(
  contenders: Contender[],
  watchedFigure: string,
  measure: (contender: Contender) => Promise<Figures>,
  { minRounds, maxRounds, maxMilliseconds, tolerance }: RoundLimits = defaultRoundLimits,
): Promise<RoundsResult> => {
  const startedAt = performance.now()
  const history: History = new Map(contenders.map(({ name }) => [name, []]))
  const steady = () =>
    [...history.values()].every(rounds =>
      isSteady(
        rounds.map(round => round[watchedFigure]!),
        tolerance,
      ),
    )
  let rounds = 0
  while (rounds < minRounds || (rounds < maxRounds && !steady() && performance.now() - startedAt < maxMilliseconds)) {
    for (const contender of contenders) history.get(contender.name)!.push(await measure(contender))
    rounds++
  }
  const last = new Map([...history].map(([name, all]) => [name, all.slice(-countedRounds)]))
  return { figures: summarizeHistory(last, median), rounds, settled: steady() }
}

/** Sets of contenders, one set after another, and the number of rounds with each set. */
export type SetOptions<Contender> = {
  sets: number
  rounds: number
  /** Must return warm contenders, whose figures no longer fall. */
  start: () => Promise<Contender[]>
  stop: (contenders: Contender[]) => Promise<unknown>
}

/**
 * One process differs from the next as much as one round from another, because of its compilers' choices and its memory
 * layout. So several processes of each contender are measured. The result is the mean of the middle half of all their
 * rounds.
 */
export const measureSets = async <Contender extends { name: string }>(
  { sets, rounds, start, stop }: SetOptions<Contender>,
  measure: (contender: Contender) => Promise<Figures>,
): Promise<RoundsResult> => {
  const histories: History[] = []
  while (histories.length < sets) {
    const contenders = await start()
    try {
      histories.push(await runRounds(contenders, rounds, measure))
    } finally {
      await stop(contenders)
    }
  }
  const names = [...histories[0]!.keys()]
  const all = new Map(names.map(name => [name, histories.flatMap(history => history.get(name)!)]))
  const each = histories.map(history => summarizeHistory(history, midmean))
  return {
    figures: summarizeHistory(all, midmean),
    rounds: sets * rounds,
    settled: true,
    ...(sets > 1 && { sets: each }),
  }
}

/** The rounds of every contender. */
type History = Map<string, Figures[]>

const runRounds = async <Contender extends { name: string }>(
  contenders: Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<Figures>,
): Promise<History> => {
  const history: History = new Map(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) history.get(contender.name)!.push(await measure(contender))
  return history
}

const summarizeHistory = (history: History, average: (values: number[]) => number): Map<string, Figures> =>
  new Map([...history].map(([name, rounds]) => [name, summarizeRounds(rounds, average)]))

const summarizeRounds = (rounds: Figures[], average: (values: number[]) => number): Figures =>
  Object.fromEntries(Object.keys(rounds[0] ?? {}).map(key => [key, average(rounds.map(round => round[key]!))]))

/** A Markdown list of {@link describeRounds} texts. */
export const listRounds = (rounds: string[]): string => rounds.map(round => `- ${round}`).join('\n')

/**
 * For example `title: 5 rounds`, and whether the figures settled. For several sets of processes, also the ratio in each
 * set.
 */
export const describeRounds = (title: string, { rounds, settled, sets }: RoundsResult): string =>
  `${title}: ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${sets ? ` in ${sets.length} processes of each${ratiosOf(sets)}` : ''}${settled ? '' : ', still moving'}`

const ratiosOf = (sets: Map<string, Figures>[]): string => {
  const ratios = sets.flatMap(set => {
    const [first, ...others] = [...set.values()]
    const last = others.at(-1)
    return first && last ? [last['cpu']! / first['cpu']!] : []
  })
  return ratios.length > 0 ? ` (${ratios.map(ratio => ratio.toFixed(2)).join(', ')})` : ''
}
