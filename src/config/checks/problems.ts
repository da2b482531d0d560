/** What is to be said about a configuration, and how it is said. No problem ever tells a value: it may be a secret. */
import { relative } from 'node:path'
import { parentOf, type SourcePosition } from '../file/tree.ts'

/** `error`: the file cannot be used. `warning`: it can, otherwise than its author may think. `note`: a word on what a setting does here. */
export type ProblemLevel = 'error' | 'warning' | 'note'

export type Problem = {
  level: ProblemLevel
  /** `services.deepseek[0].credentials.api_key`; '' for the file as a whole. */
  path: string
  message: string
  /** The file, absolute; absent for what no file says. */
  file?: string
  /** From 1; absent where no line is to blame. */
  line?: number
  column?: number
  /** What may have been meant. */
  nearest?: string
}

/** What stands where the samples wait for a key. */
export const placeholderMessage = 'is still the placeholder of a sample: put what is your own here'

/** `place`: where to look, if the path alone does not tell. */
export type ReportProblem = (
  level: ProblemLevel,
  path: string,
  message: string,
  details?: { nearest?: string; place?: SourcePosition },
) => void

export type ProblemCollector = {
  problems: Problem[]
  report: ReportProblem
  locate: (positions: ReadonlyMap<string, SourcePosition>) => void
}

/** Collects problems; each gets the place of its path, or of the nearest thing above it that the file has. */
export const createProblemCollector = (file?: string): ProblemCollector => {
  const problems: Problem[] = []
  let positions: ReadonlyMap<string, SourcePosition> = new Map()
  const report: ReportProblem = (level, path, message, { nearest, place = nearestPosition(positions, path) } = {}) =>
    void problems.push({
      level,
      path,
      message,
      ...(file !== undefined && { file }),
      ...place,
      ...(nearest !== undefined && { nearest }),
    })
  const locate: ProblemCollector['locate'] = known => {
    positions = known
  }
  return { problems, report, locate }
}

const nearestPosition = (positions: ReadonlyMap<string, SourcePosition>, path: string): SourcePosition | undefined => {
  for (let current = path; current !== ''; ) {
    const position = positions.get(current)
    if (position) return position
    const parent = parentOf(current)
    if (parent === current) break
    current = parent
  }
  return path === '' ? undefined : positions.get('')
}

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(({ level }) => level === 'error')

const levelColors: Record<ProblemLevel, string> = { error: '\x1b[31m', warning: '\x1b[33m', note: '\x1b[36m' }
const levelOrder: Record<ProblemLevel, number> = { error: 0, warning: 1, note: 2 }

/**
 * One line a problem, errors first, then in the order of the file: `config.json:12:5 error services.deepseek[0].credentials.api_key: required`.
 * The file is shown as seen from the working directory; `name` stands for it if given. Every line ends in a newline; no problem gives ''.
 */
export const renderProblems = (
  problems: readonly Problem[],
  options: { color?: boolean; name?: string } = {},
): string =>
  problems
    .toSorted(
      (first, second) =>
        levelOrder[first.level] - levelOrder[second.level] ||
        (first.line ?? 0) - (second.line ?? 0) ||
        (first.column ?? 0) - (second.column ?? 0),
    )
    .map(problem => `${renderProblem(problem, options)}\n`)
    .join('')

const renderProblem = (problem: Problem, { color, name }: { color?: boolean; name?: string }): string => {
  const { level, path, message, line, column } = problem
  const location = [name ?? (problem.file && relativeToCwd(problem.file)), line, line && column]
    .filter(part => part !== undefined)
    .join(':')
  const label = color ? `${levelColors[level]}${level}\x1b[0m` : level
  const hint = problem.nearest === undefined ? '' : ` (did you mean ${JSON.stringify(problem.nearest)}?)`
  return `${location ? `${location} ` : ''}${label} ${path ? `${path}: ` : ''}${message}${hint}`
}

const relativeToCwd = (file: string): string => {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('..') ? file : path
}
