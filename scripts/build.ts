/** `bun scripts/build.ts [OUT] [TARGET]` builds one executable: by default build/simple-one-api, for this machine. */
import { compile, sourceState } from './release/compile.ts'
import { findTarget, hostTarget, isWindows } from './release/targets.ts'

const [, , path, name] = process.argv
const target = name ? findTarget(name) : hostTarget()
const out = path ?? `build/simple-one-api${isWindows(target) ? '.exe' : ''}`

await compile(target, await sourceState(), out)
console.error(`built ${out}`)
