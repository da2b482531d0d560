/** `npm run golden` rewrites test/golden/: what goes over the wires between every client and every vendor protocol. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cases } from '../test/matrix/cases.ts'
import { goldenText } from '../test/matrix/golden-text.ts'

const folder = join(import.meta.dir, '../test/golden')

for (const file of await readdir(folder)) if (file.endsWith('.txt')) await rm(join(folder, file))
let size = 0
for (const testCase of cases) size += await Bun.write(join(folder, `${testCase.name}.txt`), goldenText(testCase))
console.log(`wrote ${cases.length} cases, ${Math.ceil(size / 1024)} KiB`)
