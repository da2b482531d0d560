/** Parses the command line and runs the commands. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { commit, version } from '../base/version.ts'
import { nearest } from '../config/schema/nearest.ts'

const usage = `simple-one-api: an LLM gateway in one executable

  simple-one-api [serve] [CONFIG] [--host HOST] [--port PORT] [--log-level LEVEL]
                                      start the gateway
  simple-one-api check [CONFIG]       report every problem of a configuration; exit with 1 on errors
  simple-one-api models [CONFIG]      list the targets of each model
  simple-one-api probe [CONFIG] [--model MODEL] [--json]
                                      send one short request to every target; exit with 1 if one fails
  simple-one-api schema               print the JSON Schema of the configuration
  simple-one-api import DB [OUT]      write the active revision of a v0.10 config.db to a file; print it if OUT is "-"
  simple-one-api --help | --version

CONFIG is a .json, .yaml or .yml file. Without it, the program looks for config.json, config.yaml and config.yml in the
working directory, in ./config and beside the executable. If it finds none, it serves a built-in mock.
`

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  'log-level': { type: 'string' },
  model: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

type OptionValues = { model?: string | undefined; json?: boolean | undefined }

/**
 * `run` gets at most `maxArguments` positional arguments and returns the exit code. `allowedOptions` lists the options
 * of the command.
 */
type Command = {
  maxArguments: number
  allowedOptions?: readonly string[]
  run: (args: string[], values: OptionValues) => number | Promise<number>
}

/** Each command loads only the modules that it needs. */
const loadCommands = () => import('./commands.ts')

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['check', { maxArguments: 1, run: async ([config]) => (await loadCommands()).checkConfig(config) }],
  ['models', { maxArguments: 1, run: async ([config]) => (await loadCommands()).printModels(config) }],
  [
    'probe',
    {
      maxArguments: 1,
      allowedOptions: ['model', 'json'],
      run: async ([config], { model, json = false }) =>
        (await import('./probe/probe.ts')).probe({ config, model, json }),
    },
  ],
  ['schema', { maxArguments: 0, run: async () => (await loadCommands()).printSchema() }],
  ['import', { maxArguments: 2, run: async ([database, out]) => (await loadCommands()).importDatabase(database, out) }],
])

const main = async (args: string[]): Promise<number | undefined> => {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  if (values.help) return print(usage)
  if (values.version) return print(`simple-one-api ${version} (${commit}), Bun ${Bun.version}\n`)
  const [first = '', ...rest] = positionals
  const command = commands.get(first)
  if (command) return run(first, command, rest, values)
  const [config, ...extra] = first === 'serve' ? rest : positionals
  const foreignOption = Object.keys(values).find(option => commandOfOption(option) !== 'serving')
  if (foreignOption !== undefined)
    return usageError(`--${foreignOption} is for ${commandOfOption(foreignOption)}, not for serving`)
  if (extra.length > 0) return usageError(`one configuration at a time, not also ${extra.join(' ')}`)
  const suggestion = similarCommand(config)
  if (suggestion) return usageError(`there is no command and no file ${config}; did you mean ${suggestion}?`)
  const { start } = await import('./serve.ts')
  return start({ config, host: values.host, port: values.port, logLevel: values['log-level'] })
}

/** The command that an option belongs to. */
const commandOfOption = (option: string): string =>
  [...commands].find(([, { allowedOptions }]) => allowedOptions?.includes(option))?.[0] ?? 'serving'

/** Suggests a command for a mistyped word, unless a file has that name. */
const similarCommand = (word: string | undefined): string | undefined =>
  word && /^[a-z-]+$/i.test(word) && !existsSync(word) ? nearest(word, [...commands.keys(), 'serve']) : undefined

const run = (
  name: string,
  { maxArguments, allowedOptions = [], run }: Command,
  args: string[],
  values: OptionValues,
): number | Promise<number> => {
  const foreignOption = Object.keys(values).find(option => !allowedOptions.includes(option))
  if (foreignOption !== undefined)
    return usageError(`--${foreignOption} is for ${commandOfOption(foreignOption)}; ${name} has no use for it`)
  if (args.length <= maxArguments) return run(args, values)
  return usageError(
    `${name} takes ${maxArguments === 0 ? 'no argument' : `at most ${maxArguments}`}: ${args.slice(maxArguments).join(' ')}?`,
  )
}

const print = (text: string): number => {
  process.stdout.write(text)
  return 0
}

const usageError = (text: string): number => {
  process.stderr.write(`simple-one-api: ${text}\nTry simple-one-api --help\n`)
  return 2
}

try {
  const code = await main(process.argv.slice(2))
  if (code !== undefined) process.exit(code)
} catch (error) {
  process.exit(usageError(error instanceof Error ? error.message : String(error)))
}
