/** What somebody may have meant by a word that is not known. */

/** The nearest of `known`, if it is near enough to be what was meant; letter case and `-` against `_` cost nothing. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const wanted = fold(word)
  let best: string | undefined
  let distance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const here = distanceBetween(wanted, fold(candidate))
    if (here < distance) [best, distance] = [candidate, here]
  }
  return best
}

const fold = (word: string): string => word.toLowerCase().replaceAll('-', '_')

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export const distanceBetween = (one: string, other: string): number => {
  let before: number[] = []
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1)
      next.push(cost)
    }
    ;[before, row] = [row, next]
  }
  return row[other.length]!
}
