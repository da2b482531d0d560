/** `npm run soak [MINUTES]`: chaos for 20 minutes, and the resident memory of the gateway in a table. */
import { runChaos } from '../test/chaos/chaos.ts'

const minutes = Number(process.argv[2] ?? 20)
console.log('| second | RSS MB | requests |\n| --: | --: | --: |')
const { rss, wronglyRecorded, ...report } = await runChaos({
  seed: 1,
  seconds: minutes * 60,
  clients: 100,
  onSample: ({ second, megabytes, requests }) => console.log(`| ${second} | ${megabytes.toFixed(0)} | ${requests} |`),
})
const growth = rss.length > 1 ? rss.at(-1)!.megabytes - rss[Math.floor(rss.length / 4)]!.megabytes : 0
console.log(`\n${JSON.stringify({ ...report, wronglyRecorded: wronglyRecorded.length }, null, 2)}`)
console.log(`growth after the first quarter: ${growth.toFixed(0)} MB`)
