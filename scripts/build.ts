/** Builds the executable of this machine: `bun scripts/build.ts [OUT]`, by default build/simple-one-api. */
import { $ } from 'bun'

const out = process.argv[2] ?? 'build/simple-one-api'
const commit = (await $`git rev-parse --short=12 HEAD`.quiet().nothrow().text()).trim() || 'unknown'

await $`${process.execPath} build src/main.ts --compile --bytecode --minify --format=esm --sourcemap=none \
  --no-compile-autoload-bunfig --no-compile-autoload-dotenv \
  --define COMMIT=${JSON.stringify(commit)} --outfile ${out}`.quiet()
console.error(`built ${out}`)
