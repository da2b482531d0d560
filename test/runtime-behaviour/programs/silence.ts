/**
 * Does fetch end by itself when the upstream is silent? Prints the name of the error and the milliseconds until it.
 * Arguments: `head` or `body` (where the upstream falls silent), and further options of fetch as JSON.
 */

import { scriptedUpstream } from '../../support/scripted-upstream.ts'
import { neverRespond, stallAfter } from '../../support/upstream-scripts.ts'

const upstream = await scriptedUpstream(process.argv[2] === 'head' ? neverRespond : stallAfter(1))
const startedAt = performance.now()
const options = JSON.parse(process.argv[3] ?? '{}') as BunFetchRequestInit
const name = await fetch(upstream.url, { ...options, signal: AbortSignal.timeout(11_000) })
  .then(response => response.text())
  .then(() => 'answered')
  .catch((thrown: Error) => thrown.name)
console.log(JSON.stringify({ name, after: performance.now() - startedAt }))
process.exit(0)
