/** Suggests a known word for an unknown one. */

/** The most similar of `known`, if it is similar enough. Letter case and `-` versus `_` do not count. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const folded = fold(word)
  let best: string | undefined
  let distance = Math.max(1, Math.floor(folded.length / 3)) + 1
  for (const candidate of known) {
    const candidateDistance = distanceBetween(folded, fold(candidate))
    if (candidateDistance < distance) [best, distance] = [candidate, candidateDistance]
  }
  return best
}

const fold = (word: string): string => word.toLowerCase().replaceAll('-', '_')

/** Number of insertions, deletions, replacements and swaps of neighbouring characters between two words. */
export const distanceBetween = (first: string, second: string): number => {
  let previous: number[] = []
  let row = Array.from({ length: second.length + 1 }, (_, index) => index)
  for (let i = 1; i <= first.length; i++) {
    const next = [i]
    for (let j = 1; j <= second.length; j++) {
      const isSame = first[i - 1] === second[j - 1]
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && first[i - 1] === second[j - 2] && first[i - 2] === second[j - 1])
        cost = Math.min(cost, previous[j - 2]! + 1)
      next.push(cost)
    }
    ;[previous, row] = [row, next]
  }
  return row[second.length]!
}
