/** Configuration files for tests. Each gets its own temporary folder. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Problem, renderProblems } from '../../src/config/checks/problems.ts'
import type { CompiledConfig } from '../../src/config/compiled.ts'
import { load, loadText } from '../../src/config/load.ts'
import { tempFolder } from './temp-folder.ts'

/** Writes a file with this text that only its owner can read, and returns its path. */
export const writeTempFile = (text: string | Uint8Array, name = 'config.json', inFolder = tempFolder()): string => {
  const path = join(inFolder, name)
  writeFileSync(path, text)
  chmodSync(path, 0o600)
  return path
}

export const loadFile = (text: string | Uint8Array, environment = {}, name = 'config.json') =>
  load(writeTempFile(text, name), environment)

/** Every problem as the command line prints it, without the file name: `12:5 error path: message`. */
export const problemLines = (problems: readonly Problem[]): string[] =>
  problems.length === 0
    ? []
    : renderProblems(problems.map(({ file: _, ...problem }) => problem))
        .trimEnd()
        .split('\n')

/** The errors and warnings of a configuration that is given as a value, without line and column. */
export const problemsOf = (config: unknown, environment = {}): string[] =>
  problemLines(loadText(JSON.stringify(config), environment).problems.filter(({ level }) => level !== 'note')).map(
    line => line.replace(/^\d+:\d+ /, ''),
  )

export const compiledOf = (config: unknown, environment = {}): CompiledConfig => {
  const { compiled, problems } = loadText(JSON.stringify(config), environment)
  if (!compiled) throw new Error(renderProblems(problems))
  return compiled
}

/** A configuration with one service of one entry. */
export const configWithEntry = (entry: object, type = 'openai', more: object = {}) => ({
  ...more,
  services: { [type]: [{ models: ['m'], enabled: true, credentials: { api_key: 'sk-of-a-test' }, ...entry }] },
})

export const entryOf = (entry: object, type = 'openai', more: object = {}) => {
  const [compiled] = compiledOf(configWithEntry(entry, type, more)).entries
  if (!compiled) throw new Error('the entry was left out')
  return compiled
}
