/** The files of a project: sources in `src`, tests in `test`. Names are relative to the project, with `/`. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, normalize, relative, sep } from 'node:path'

export type SourceFiles = ReadonlyMap<string, string>

export const filesIn = (root: string, folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()

export const readSources = (root: string): SourceFiles =>
  new Map(
    filesIn(root, 'src')
      .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map(file => [file, readFileSync(join(root, file), 'utf8')]),
  )

export const testFiles = (root: string): string[] => filesIn(root, 'test').filter(file => file.endsWith('.test.ts'))

/**
 * What a path on the command line names: a file, the files below a folder, or the line of `file:line`.
 * @throws if it names no source file.
 */
export const selectorOf = (root: string, path: string): ((file: string, line: number) => boolean) => {
  const [, name, line] = /^(.*?)(?::(\d+))?$/.exec(path)!
  const target = normalize(name!).split(sep).join('/').replace(/\/$/, '')
  if (!statSync(join(root, target), { throwIfNoEntry: false })) throw new Error(`there is no ${target}`)
  return (file, at) => (file === target || file.startsWith(`${target}/`)) && (line === undefined || at === Number(line))
}
