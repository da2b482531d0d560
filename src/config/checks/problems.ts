/**
 * Problems of a configuration and how they are printed. A problem never contains a configured value, because it may be
 * a secret.
 */
import { relative } from 'node:path'
import { parentOf, type SourcePosition } from '../file/tree.ts'

/**
 * `error`: the file cannot be used. `warning`: it can be used, but may not do what its author expects. `note`: what a
 * setting does in this program.
 */
export type ProblemLevel = 'error' | 'warning' | 'note'

export type Problem = {
  level: ProblemLevel
  /** `services.deepseek[0].credentials.api_key`. '' for the whole file. */
  path: string
  message: string
  /** Absolute path of the file. Absent if the problem is not in a file. */
  file?: string
  /** Counted from 1. Absent if no line is affected. */
  line?: number
  column?: number
  /** A suggestion for a misspelled word. */
  nearest?: string
}

/** The warning for a key that still has the sample's placeholder. */
export const placeholderMessage = 'is still the placeholder of a sample: put what is your own here'

/** Reports a problem. `place` is the position if the path alone does not determine it. */
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

/** Collects problems. Each gets the position of its path, or of the closest ancestor in the file. */
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
 * Renders one line per problem, errors first, then in file order: `config.json:12:5 error
 * services.deepseek[0].credentials.api_key: required`.
 * The file is relative to the working directory, or replaced by `name`. Every line ends in a newline. Without problems
 * the result is ''.
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
