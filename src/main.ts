/** The way in. Serving wants a wider process, and a process that is about to be replaced need not load the house first. */
import { raiseFetchLimit } from './cli/reexec.ts'

/** Words that ask for something else than serving. */
const nonServingArguments = new Set(['check', 'models', 'probe', 'schema', 'import', '--help', '-h', '--version', '-v'])

if (!process.argv.slice(2).some(argument => nonServingArguments.has(argument))) await raiseFetchLimit()
await import('./cli/arguments.ts')
