/** Loads a configuration: reads the file, expands variables, applies the schema, checks and compiles. */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { readKeys } from './checks/keys.ts'
import { createProblemCollector, hasErrors, type Problem, type ProblemCollector } from './checks/problems.ts'
import { isSamplePlaceholder } from './checks/secrets.ts'
import { readServices } from './checks/services.ts'
import { checkConfig, checkModelNames, misplacedKeyHint } from './checks/settings.ts'
import { compile } from './compile.ts'
import type { CompiledConfig } from './compiled.ts'
import { type Environment, expandTree } from './file/environment.ts'
import { environmentOf, parseText, readText } from './file/source.ts'
import { type ObjectMember, pathTo, positionsOf, type Tree, toPlainValue } from './file/tree.ts'
import { type Config, ConfigSchema } from './schema/schema.ts'
import { shape } from './schema/shape.ts'

/** `compiled` is present unless a problem is an error. */
type LoadedConfig = { compiled?: CompiledConfig; problems: Problem[] }

/**
 * Reads a file and the `.env` next to it. Never throws because of their content.
 * @param environment the environment variables of the process
 */
export const load = (path: string, environment: Environment): LoadedConfig => {
  const file = resolve(path)
  const collector = createProblemCollector(file)
  const text = readText(file, collector)
  const tree = text === undefined ? undefined : parseText(file, text, collector)
  if (text === undefined || !tree) return { problems: collector.problems }
  const compiled = compileTree(tree, environmentOf(file, environment, collector), collector, file)
  if (compiled) checkFileMode(file, text, compiled, collector)
  return { ...(compiled && { compiled }), problems: collector.problems }
}

/** The same for a text without a file, such as a draft in an editor. The extension of `name` decides the format. */
export const loadText = (text: string, environment: Environment, name = 'config.json'): LoadedConfig => {
  const collector = createProblemCollector()
  const tree = parseText(name, text, collector)
  const compiled = tree && compileTree(tree, environment, collector)
  return { ...(compiled && { compiled }), problems: collector.problems }
}

/** More misspelled keys than this are no typing errors. */
const maxSuggestions = 200

const compileTree = (
  tree: Tree,
  environment: Environment,
  collector: ProblemCollector,
  file?: string,
): CompiledConfig | undefined => {
  const { report, problems } = collector
  const positions = positionsOf(tree)
  collector.locate(positions)
  if (!('members' in tree)) {
    report('error', '', 'the configuration must be an object: { "services": … }', { place: tree.position })
    return
  }
  const onKeyRenamed = (path: string, { position, value }: ObjectMember) =>
    void positionsOf(value, path, positions.set(path, position))
  const shaped =
    shape(
      { report, misplacedKeyHint, onKeyRenamed, suggestions: { left: maxSuggestions } },
      ConfigSchema,
      expandVariables(tree, environment, collector),
    ) ?? tree
  const config = toPlainValue(shaped) as Config
  const isBroken = (path: string) => problems.some(({ level, path: at }) => level === 'error' && isBelow(at, path))
  checkConfig(config, { report, isBroken })
  const keys = readKeys(config, { report, isBroken })
  const entries = readServices(config, { report, isBroken })
  if (hasErrors(problems)) return
  checkModelNames(config, entries, report)
  return compile(config, entries, keys, file)
}

const isBelow = (path: string, above: string): boolean =>
  path.startsWith(above) && /^(?:$|[.[])/.test(path.slice(above.length))

/** A missing variable in a disabled entry is only a warning. */
const expandVariables = (tree: Tree, environment: Environment, { report }: ProblemCollector): Tree => {
  const disabled = disabledEntriesIn(tree)
  return expandTree(tree, environment, (level, path, ...rest) =>
    report(level === 'error' && disabled.some(entry => isBelow(path, entry)) ? 'warning' : level, path, ...rest),
  )
}

const disabledEntriesIn = (tree: Tree): string[] => {
  const { services } = (toPlainValue(tree) ?? {}) as { services?: Record<string, unknown> }
  return Object.entries(services ?? {}).flatMap(([type, list]) =>
    Array.isArray(list)
      ? list.flatMap((entry, index) =>
          entry?.enabled === false || entry?.enabled === undefined ? pathTo(pathTo('services', type), index) : [],
        )
      : [],
  )
}

/** Warns if other users can read the keys in the file. Secrets that come from variables are not in the file. */
const checkFileMode = (file: string, text: string, { secrets }: CompiledConfig, { report }: ProblemCollector): void => {
  if (process.platform === 'win32' || !secrets.some(secret => !isSamplePlaceholder(secret) && text.includes(secret)))
    return
  const { mode } = statSync(file)
  if (mode & 0o004)
    report('warning', '', `every user of this machine can read its keys; chmod 600 ${basename(file)} keeps them`)
}

/** The configuration that is served if no file exists: the built-in mock. */
export const builtinConfig = (): CompiledConfig => {
  const { compiled } = loadText('{ "services": { "mock": [{ "enabled": true }] } }', {})
  return compiled!
}
