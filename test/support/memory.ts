/** Measures the resident memory of the gateway's process. */
import { existsSync, readFileSync } from 'node:fs'
import type { Gateway } from './gateway-process.ts'

/** Resident memory of the gateway, in bytes. */
export const residentMemory = async ({ pid }: Pick<Gateway, 'pid'>): Promise<number> => {
  const status = `/proc/${pid}/status`
  if (existsSync(status)) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) * 1024
  return Number(await new Response(Bun.spawn(['ps', '-o', 'rss=', '-p', String(pid)]).stdout).text()) * 1024
}

/** The peak of resident memory while `work` runs, minus its size before, in bytes. */
export const peakGrowth = async <Value>(
  gateway: Pick<Gateway, 'pid'>,
  work: () => Promise<Value>,
): Promise<[value: Value, bytes: number]> => {
  const before = await residentMemory(gateway)
  let peak = before
  let isDone = false
  const sampleMemory = async () => {
    while (!isDone) {
      peak = Math.max(peak, await residentMemory(gateway))
      await Bun.sleep(10)
    }
  }
  const sampling = sampleMemory()
  const value = await work().finally(() => {
    isDone = true
  })
  await sampling
  return [value, peak - before]
}
