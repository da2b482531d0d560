/**
 * The entry point. Serving needs a higher fetch limit, so the process may re-execute itself before it loads the rest of
 * the program.
 */
import { raiseFetchLimit } from './cli/reexec.ts'

/** Arguments that ask for something other than serving. They need no higher fetch limit. */
const nonServingArguments: ReadonlySet<string> = new Set([
  'check',
  'models',
  'probe',
  'schema',
  'import',
  '--help',
  '-h',
  '--version',
  '-v',
])

if (!process.argv.slice(2).some(argument => nonServingArguments.has(argument))) await raiseFetchLimit()
await import('./cli/arguments.ts')
