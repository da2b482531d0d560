/** The commands that end by themselves. Each returns its exit code. */
import { dirname } from 'node:path'
import { createRedact, type Redact } from '../base/redact.ts'
import { hasErrors, type Problem, renderProblems } from '../config/checks/problems.ts'
import type { CompiledConfig, LogLevel } from '../config/compiled.ts'
import { databaseOf } from '../config/file/database.ts'
import { findConfig } from '../config/file/source.ts'
import { builtinConfig, load } from '../config/load.ts'
import { schemaText } from '../config/schema/reference.ts'
import { supportsProtocol } from '../providers/resolve-url.ts'
import { createRouter, type ModelRow } from '../routing/router.ts'

/** Command-line options that override the configuration file. */
export type ServeOptions = {
  config: string | undefined
  host: string | undefined
  port: string | undefined
  logLevel: string | undefined
}

const findConfigPath = (config: string | undefined) => findConfig(config, process.cwd(), dirname(process.execPath))

const printProblems = (problems: readonly Problem[], compiled?: CompiledConfig): void => {
  process.stderr.write(redactorOf(compiled)(renderProblems(problems, { color: process.stderr.isTTY })))
}

/** Redacts what is printed about a configuration: a name or a path in it may repeat a key. */
const redactorOf = (compiled: CompiledConfig | undefined): Redact => createRedact(compiled?.secrets ?? [])

/** Warnings about a newer configuration in a v0.10 database. SQLite is loaded only if there is a database. */
const newerRevisionProblems = async (path: string): Promise<Problem[]> => {
  if (databaseOf(path, process.env) === undefined) return []
  const { newerRevision } = await import('../config/file/import-database.ts')
  return [newerRevision(path, process.env)].filter(problem => problem !== undefined)
}

/** `check`: prints every problem. Exits with 1 if there is an error; warnings give 0. */
export const checkConfig = async (config: string | undefined): Promise<number> => {
  const path = findConfigPath(config)
  if (path === undefined) return fail('there is no configuration here to check')
  const { problems, compiled } = load(path, process.env)
  const all = [...(await newerRevisionProblems(path)), ...problems]
  process.stdout.write(redactorOf(compiled)(renderProblems(all, { color: process.stdout.isTTY })))
  const errors = all.filter(({ level }) => level === 'error').length
  const warnings = all.filter(({ level }) => level === 'warning').length
  process.stdout.write(
    `${path}: ${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`,
  )
  return hasErrors(all) ? 1 : 0
}

/** `models`: prints the targets of each model. */
export const printModels = async (config: string | undefined): Promise<number> => {
  const settings = await readConfig(config)
  if (settings === undefined) return 1
  process.stdout.write(redactorOf(settings)(renderModels(createRouter(settings, supportsProtocol).table())))
  return 0
}

const renderModels = (rows: readonly ModelRow[]): string => {
  const width = Math.max(5, ...rows.map(({ model }) => model.length))
  const lines = rows.map(
    ({ model, redirect, targets }) =>
      `${model.padEnd(width)}  ${redirect ? `→ ${redirect}` : targets.map(renderTarget).join(', ')}`,
  )
  return `${'model'.padEnd(width)}  targets\n${lines.map(line => `${line}\n`).join('')}`
}

const renderTarget = ({ entry, model, credentials, weight, priority }: ModelRow['targets'][number]): string =>
  [
    `${entry}/${model}`,
    credentials > 1 && `${credentials} credentials`,
    weight !== 1 && `weight ${weight}`,
    priority !== 0 && `priority ${priority}`,
  ]
    .filter(Boolean)
    .join(' ')

/** `schema`: prints the JSON Schema of the configuration. */
export const printSchema = (): number => {
  process.stdout.write(schemaText())
  return 0
}

/** `import`: writes the active revision of a v0.10 database to a file, or prints it. Exits with 1 on an error. */
export const importDatabase = async (database: string | undefined, out: string | undefined): Promise<number> => {
  if (database === undefined) return fail('import needs the path of a config.db')
  const { importDatabase: importRevision } = await import('../config/file/import-database.ts')
  const { config, written, error } = importRevision(database, out)
  if (error !== undefined) return fail(error)
  process.stdout.write(config ?? `written to ${written}\n`)
  return 0
}

/**
 * The configuration to serve, with the command-line options applied. Undefined if it is invalid; the problems have been
 * printed.
 */
export const loadForServing = async (options: ServeOptions): Promise<CompiledConfig | undefined> => {
  const settings = await readConfig(options.config)
  if (settings === undefined) return undefined
  const port = options.port === undefined ? settings.port : Number(options.port)
  if (options.port?.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65535)
    return void fail(`--port ${options.port}: a number from 0 to 65535 is expected`)
  const logLevel = options.logLevel ?? settings.logLevel
  if (!isLogLevel(logLevel)) return void fail(`--log-level ${logLevel}: one of ${logLevels.join(', ')} is expected`)
  if (options.host?.trim() === '') return void fail('--host: a name or an address is expected')
  return { ...settings, host: options.host ?? settings.host, port, logLevel }
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const isLogLevel = (text: string): text is LogLevel => logLevels.some(level => level === text)

/** The configuration at this path, or the one that is found. Undefined if it is invalid. Problems are printed. */
export const readConfig = async (config: string | undefined): Promise<CompiledConfig | undefined> => {
  const path = findConfigPath(config)
  const newer = await newerRevisionProblems(path ?? 'config.json')
  if (path === undefined) {
    printProblems(newer)
    process.stderr.write(noConfigNotice)
    return builtinConfig()
  }
  const { compiled, problems } = load(path, process.env)
  printProblems([...newer, ...problems.filter(({ level }) => level !== 'note')], compiled)
  if (compiled === undefined) process.stderr.write(`simple-one-api: ${path} cannot be used as it is\n`)
  return compiled
}

const noConfigNotice = `
  *** No configuration was found: a built-in MOCK is served. It answers without any vendor. ***
  *** Write a config.json here, or name one: simple-one-api my-config.json                  ***

`

const fail = (text: string): number => {
  process.stderr.write(`simple-one-api: ${text}\n`)
  return 1
}
