/** What is to be said about a configuration, and how it is said. No problem ever tells a value: it may be a secret. */
import { relative } from 'node:path'
import { type Place, parentOf } from '../file/tree.ts'

/** `error`: the file cannot be used. `warning`: it can, otherwise than its author may think. `note`: a word on what a setting does here. */
export type Level = 'error' | 'warning' | 'note'

export type Problem = {
  level: Level
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
export const unreplaced = 'is still the placeholder of a sample: put what is your own here'

/** `place`: where to look, if the path alone does not tell. */
export type Say = (level: Level, path: string, message: string, more?: { nearest?: string; place?: Place }) => void

export type Report = { problems: Problem[]; say: Say; locate: (places: ReadonlyMap<string, Place>) => void }

/** Collects problems; each gets the place of its path, or of the nearest thing above it that the file has. */
export const createReport = (file?: string): Report => {
  const problems: Problem[] = []
  let places: ReadonlyMap<string, Place> = new Map()
  const say: Say = (level, path, message, { nearest, place = placeOf(places, path) } = {}) =>
    void problems.push({
      level,
      path,
      message,
      ...(file !== undefined && { file }),
      ...place,
      ...(nearest !== undefined && { nearest }),
    })
  const locate: Report['locate'] = known => {
    places = known
  }
  return { problems, say, locate }
}

const placeOf = (places: ReadonlyMap<string, Place>, path: string): Place | undefined => {
  for (let here = path; here !== ''; ) {
    const place = places.get(here)
    if (place) return place
    const above = parentOf(here)
    if (above === here) break
    here = above
  }
  return path === '' ? undefined : places.get('')
}

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(({ level }) => level === 'error')

const paint: Record<Level, string> = { error: '\x1b[31m', warning: '\x1b[33m', note: '\x1b[36m' }
const rank: Record<Level, number> = { error: 0, warning: 1, note: 2 }

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
      (one, other) =>
        rank[one.level] - rank[other.level] ||
        (one.line ?? 0) - (other.line ?? 0) ||
        (one.column ?? 0) - (other.column ?? 0),
    )
    .map(problem => `${renderProblem(problem, options)}\n`)
    .join('')

const renderProblem = (problem: Problem, { color, name }: { color?: boolean; name?: string }): string => {
  const { level, path, message, line, column } = problem
  const where = [name ?? (problem.file && fromHere(problem.file)), line, line && column]
    .filter(part => part !== undefined)
    .join(':')
  const word = color ? `${paint[level]}${level}\x1b[0m` : level
  const hint = problem.nearest === undefined ? '' : ` (did you mean ${JSON.stringify(problem.nearest)}?)`
  return `${where ? `${where} ` : ''}${word} ${path ? `${path}: ` : ''}${message}${hint}`
}

const fromHere = (file: string): string => {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('..') ? file : path
}
