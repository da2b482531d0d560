/** What a run found, for people and for programs. */
import type { Status, Verdict } from './judge.ts'
import { diffOf } from './mutant.ts'
import type { SourceFiles } from './project.ts'

export type Score = Record<Status, number> & {
  /** Percentage of the viable mutants that tests notice; 100 if there is none. */
  score: number
}

/** A mutant that hangs is noticed. One that no test executes is not. One that does not compile is not counted. */
export const scoreOf = (verdicts: readonly Verdict[]): Score => {
  const counts = { killed: 0, survived: 0, 'timed out': 0, uncovered: 0, 'compile error': 0 }
  for (const { status } of verdicts) counts[status]++
  const noticed = counts.killed + counts['timed out']
  const viable = noticed + counts.survived + counts.uncovered
  return { ...counts, score: viable === 0 ? 100 : (100 * noticed) / viable }
}

export const textReport = (verdicts: readonly Verdict[], sources: SourceFiles): string => {
  const unnoticed = verdicts.filter(({ status }) => status === 'survived' || status === 'uncovered')
  const parts = unnoticed.map(({ mutant, status, tests }) => {
    const ran = status === 'survived' ? `${tests} test file${tests === 1 ? '' : 's'} passed` : 'no test executes it'
    const { file, line, operator } = mutant
    return `${file}:${line} ${status} (${operator}; ${ran})\n${diffOf(file, sources.get(file)!, mutant)}\n`
  })
  const { score, ...counts } = scoreOf(verdicts)
  const summary = Object.entries(counts).map(([status, count]) => `${count} ${status}`)
  return [...parts, `${summary.join(', ')}; score ${score.toFixed(1)} %`].join('\n')
}

export const jsonReport = (verdicts: readonly Verdict[], sources: SourceFiles, seed: number): string => {
  const mutants = verdicts.map(({ mutant, ...verdict }) => ({
    ...mutant,
    ...verdict,
    diff: diffOf(mutant.file, sources.get(mutant.file)!, mutant),
  }))
  return `${JSON.stringify({ seed, ...scoreOf(verdicts), mutants }, null, 2)}\n`
}
