/** A sample of mutants that a seed decides. */
import type { Mutant } from './mutant.ts'

/** Mulberry32: numbers from 0 to 1 (exclusive), the same ones for the same seed. */
export const randomNumbers = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const shuffled = <T>(items: readonly T[], random: () => number): T[] => {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[result[last], result[other]] = [result[other]!, result[last]!]
  }
  return result
}

/** `src/protocols/gemini` for a file anywhere below it: the folder, three levels deep at most. */
const folderOf = (file: string): string => file.split('/').slice(0, -1).slice(0, 3).join('/')

const groupBy = <T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

/**
 * `count` mutants, spread evenly: each operator has its turn until the sample is full, and takes its mutant from the
 * folder that has fewest in the sample yet. Chance decides between equals. In the order of `mutants`.
 */
export const sampleOf = (mutants: readonly Mutant[], count: number, seed: number): Mutant[] => {
  const random = randomNumbers(seed)
  const byOperator = groupBy(mutants, ({ operator }) => operator)
  const strata = shuffled([...byOperator.values()], random).map(group =>
    shuffled([...groupBy(group, ({ file }) => folderOf(file))], random).map(([folder, members]) => ({
      folder,
      members: shuffled(members, random),
    })),
  )
  const taken = new Map<string, number>()
  const chosen = new Set<Mutant>()
  while (chosen.size < Math.min(count, mutants.length))
    for (const folders of strata) {
      if (chosen.size >= count) break
      const open = folders.filter(({ members }) => members.length > 0)
      if (open.length === 0) continue
      const takenFrom = ({ folder }: { folder: string }) => taken.get(folder) ?? 0
      const next = open.reduce((least, one) => (takenFrom(one) < takenFrom(least) ? one : least))
      chosen.add(next.members.pop()!)
      taken.set(next.folder, takenFrom(next) + 1)
    }
  return mutants.filter(mutant => chosen.has(mutant))
}
