/** Starts N fetches and prints how many of them the server has received once no more arrive. */

import { scriptedUpstream } from '../../support/scripted-upstream.ts'
import { neverRespond } from '../../support/upstream-scripts.ts'

const requestCount = Number(process.argv[2])
const upstream = await scriptedUpstream(neverRespond)
for (let count = 0; count < requestCount; count++) void fetch(upstream.url).catch(() => {})
let before = -1
while (before !== upstream.requests.length) {
  before = upstream.requests.length
  await Bun.sleep(before < Math.min(requestCount, 256) ? 1000 : 250)
}
console.log(before)
process.exit(0)
