/** A configuration from its file to what the house reads: read, expand, shape, check, compile. */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { readKeys } from './checks/keys.ts'
import { createReport, hasErrors, type Problem, type Report } from './checks/problems.ts'
import { isFromSample } from './checks/secrets.ts'
import { readServices } from './checks/services.ts'
import { checkConfig, checkNames, misplaced } from './checks/settings.ts'
import { compile } from './compile.ts'
import type { Compiled } from './compiled.ts'
import { type Environment, expand } from './file/environment.ts'
import { environmentOf, parseText, readText } from './file/source.ts'
import { type Member, pathTo, placesOf, plain, type Tree } from './file/tree.ts'
import { type Config, ConfigSchema } from './schema/schema.ts'
import { shape } from './schema/shape.ts'

/** `compiled` is there unless a problem is an error. */
export type Loaded = { compiled?: Compiled; problems: Problem[] }

/** Reads a file and the `.env` beside it; never throws for what either says. @param environment of the process. */
export const load = (path: string, environment: Environment): Loaded => {
  const file = resolve(path)
  const report = createReport(file)
  const text = readText(file, report)
  const tree = text === undefined ? undefined : parseText(file, text, report)
  if (text === undefined || !tree) return { problems: report.problems }
  const compiled = fromTree(tree, environmentOf(file, environment, report), report, file)
  if (compiled) checkMode(file, text, compiled, report)
  return { ...(compiled && { compiled }), problems: report.problems }
}

/** The same for a text that is in no file: an editor's draft. `name` tells by its ending what it is written in. */
export const loadText = (text: string, environment: Environment, name = 'config.json'): Loaded => {
  const report = createReport()
  const tree = parseText(name, text, report)
  const compiled = tree && fromTree(tree, environment, report)
  return { ...(compiled && { compiled }), problems: report.problems }
}

const fromTree = (tree: Tree, environment: Environment, report: Report, file?: string): Compiled | undefined => {
  const { say, problems } = report
  const places = placesOf(tree)
  report.locate(places)
  if (!('members' in tree)) {
    say('error', '', 'the configuration must be an object: { "services": … }', { place: tree.at })
    return
  }
  const renamed = (path: string, { at, value }: Member) => void placesOf(value, path, places.set(path, at))
  const shaped = shape({ say, misplaced, renamed }, ConfigSchema, expandAll(tree, environment, report)) ?? tree
  const config = plain(shaped) as Config
  const isBroken = (path: string) => problems.some(({ level, path: at }) => level === 'error' && isBelow(at, path))
  checkConfig(config, { say, isBroken })
  const keys = readKeys(config, { say, isBroken })
  const entries = readServices(config, { say, isBroken })
  if (hasErrors(problems)) return
  checkNames(config, entries, say)
  return compile(config, entries, keys, file)
}

const isBelow = (path: string, above: string): boolean =>
  path.startsWith(above) && /^(?:$|[.[])/.test(path.slice(above.length))

/** An entry that is off may name variables that are not there. */
const expandAll = (tree: Tree, environment: Environment, { say }: Report): Tree => {
  const off = offIn(tree)
  return expand(tree, environment, (level, path, ...rest) =>
    say(level === 'error' && off.some(entry => isBelow(path, entry)) ? 'warning' : level, path, ...rest),
  )
}

const offIn = (tree: Tree): string[] => {
  const { services } = (plain(tree) ?? {}) as { services?: Record<string, unknown> }
  return Object.entries(services ?? {}).flatMap(([type, list]) =>
    Array.isArray(list)
      ? list.flatMap((entry, index) =>
          entry?.enabled === false || entry?.enabled === undefined ? pathTo(pathTo('services', type), index) : [],
        )
      : [],
  )
}

/** Who else can read the file can read what it holds; a secret that comes from a variable does not stand in it. */
const checkMode = (file: string, text: string, { secrets }: Compiled, { say }: Report): void => {
  if (process.platform === 'win32' || !secrets.some(secret => !isFromSample(secret) && text.includes(secret))) return
  const { mode } = statSync(file)
  if (mode & 0o004)
    say('warning', '', `every user of this machine can read its keys; chmod 600 ${basename(file)} keeps them`)
}

/** What is served if there is no configuration: the built-in mock. */
export const builtin = (): Compiled => {
  const { compiled } = loadText('{ "services": { "mock": [{ "enabled": true }] } }', {})
  return compiled!
}
