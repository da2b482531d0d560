/** Finds the configuration file and reads it into a tree with positions. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, extname, isAbsolute, join, resolve } from 'node:path'
import type { ProblemCollector } from '../checks/problems.ts'
import { type Environment, parseEnvironmentFile } from './environment.ts'
import { parseJson } from './json.ts'
import type { Tree } from './tree.ts'

/** Bytes of a configuration, and characters of its text. */
const maxSize = 4 * 2 ** 20

const configNames = ['config.json', 'config.yaml', 'config.yml']

/**
 * The absolute path of the configuration. It is the argument (also looked up in `config/`, as in simple-one-api),
 * otherwise `config.json`, `config.yaml` or `config.yml` in the working directory, in its `config/`, or next to the
 * executable. An argument is returned even if the file does not exist, so that `load` reports it. Undefined if nothing
 * is found.
 */
export const findConfig = (
  argument: string | undefined,
  directory: string,
  executableDirectory: string,
): string | undefined => {
  if (argument !== undefined) {
    const path = resolve(directory, argument)
    const inConfigFolder = resolve(directory, 'config', argument)
    return !exists(path) && !isAbsolute(argument) && exists(inConfigFolder) ? inConfigFolder : path
  }
  const folders = [directory, join(directory, 'config'), executableDirectory]
  return folders.flatMap(folder => configNames.map(name => resolve(folder, name))).find(exists)
}

/** Directories count as existing, so that a directory with the name of a configuration is reported and not skipped. */
const exists = (path: string): boolean => {
  try {
    statSync(path)
    return true
  } catch (thrown) {
    const { code } = thrown as { code?: string }
    return code !== 'ENOENT' && code !== 'ENOTDIR'
  }
}

/** The text of a file. Undefined if it cannot be read; the problem has been reported. */
export const readText = (path: string, { report }: ProblemCollector): string | undefined => {
  try {
    const status = statSync(path)
    if (status.size > maxSize) {
      report('error', '', tooLarge)
      return
    }
    if (status.isDirectory()) {
      report(
        'error',
        '',
        'this is a directory, not a file (Docker makes one where the file of a volume does not exist)',
      )
      return
    }
    return decode(readFileSync(path))
  } catch (thrown) {
    report('error', '', readErrorText(thrown))
  }
}

const tooLarge = 'the file is larger than the 4 MiB that a configuration may have'

const readErrors: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'the file may not be read: permission denied',
  EPERM: 'the file may not be read: permission denied',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'the file is not text in UTF-8',
}

const readErrorText = (thrown: unknown): string => {
  const code = (thrown as { code?: string }).code ?? 'unknown reason'
  return readErrors[code] ?? `the file cannot be read: ${code}`
}

/** UTF-8 with or without a byte order mark, or UTF-16LE with one, as some editors on Windows write. */
const decode = (bytes: Uint8Array): string => {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8'
  return new TextDecoder(encoding, { fatal: true }).decode(bytes)
}

/**
 * Chooses the format by extension, otherwise by the beginning of the text. Undefined on a syntax error, which has been
 * reported.
 */
export const parseText = (path: string, text: string, { report }: ProblemCollector): Tree | undefined => {
  if (text.length > maxSize) {
    report('error', '', tooLarge)
    return
  }
  if (hasTooManyValues(text)) {
    report('error', '', 'the file has more than 100000 lines or commas, more than a configuration can be')
    return
  }
  if (text.trim() === '') {
    report('error', '', 'the file is empty')
    return
  }
  try {
    return isYaml(path, text) ? loadYaml().parseYaml(text, report) : parseJson(text, report)
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    report('error', '', 'the file is nested too deeply')
  }
}

const maxValues = 100_000

/** Counts what separates values, so that a parser never sees a file that would keep it busy for long. */
const hasTooManyValues = (text: string): boolean =>
  [',', '\n'].some(separator => {
    let count = 0
    for (let at = text.indexOf(separator); at >= 0 && count <= maxValues; at = text.indexOf(separator, at + 1)) count++
    return count > maxValues
  })

/** Loaded on demand, because most configurations are JSON and startup is faster without it. */
const loadYaml = () => require('./yaml.ts') as typeof import('./yaml.ts')

const isYaml = (path: string, text: string): boolean => {
  const extension = extname(path).toLowerCase()
  if (extension === '.yaml' || extension === '.yml') return true
  return !extension.startsWith('.json') && !/^\s*[{/[]/.test(text)
}

/**
 * The environment with the variables of the `.env` file next to the configuration. Variables that are already set take
 * precedence.
 */
export const environmentOf = (path: string, environment: Environment, { report }: ProblemCollector): Environment => {
  const file = join(dirname(path), '.env')
  try {
    if (statSync(file).size > maxSize) {
      report('error', '', `${file}: ${tooLarge}`)
      return environment
    }
    return { ...parseEnvironmentFile(readFileSync(file, 'utf8')), ...environment }
  } catch (thrown) {
    const { code } = thrown as { code?: string }
    if (code !== 'ENOENT' && code !== 'EISDIR') report('warning', '', `${file}: ${readErrorText(thrown)}`)
    return environment
  }
}
