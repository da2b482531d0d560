/** `npm run chaos` runs this for two minutes: CHAOS_SECONDS. */
import { expect, test } from 'bun:test'
import { runChaos } from './chaos.ts'

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 5)
const seed = Number(process.env['CHAOS_SEED'] ?? 1)

test(
  `200 clients for ${seconds} s against vendors that fail at random leave nothing behind (seed ${seed})`,
  async () => {
    const report = await runChaos({ seed, seconds, clients: 200 })
    expect(report.sent).toBeGreaterThan(200)
    expect(report.answered).toBeGreaterThan(report.sent / 2)
    expect(report.hung).toBe(0)
    expect(report.wronglyRecorded).toEqual([])
    expect(report.records).toBeGreaterThan(0)
    expect(report.freeSlots).toBe(report.allSlots)
    expect(report.bugs).toEqual([])
    expect(report.leaksKey).toBe(false)
    const [, early, ...late] = report.rss.map(({ megabytes }) => megabytes)
    // The heap of a busy process is collected late; a leak of a request's state would show far more.
    if (early !== undefined && late.length > 0) expect(late.at(-1)! - early).toBeLessThan(150)
  },
  (seconds + 60) * 1000,
)
