/** The memory of a process, as the system counts it. */
import { existsSync, readFileSync } from 'node:fs'

/** Resident memory of a process, in bytes. */
export const residentMemory = async (pid: number): Promise<number> => {
  const status = `/proc/${pid}/status`
  if (existsSync(status)) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) * 1024
  return Number(await new Response(Bun.spawn(['ps', '-o', 'rss=', '-p', String(pid)]).stdout).text()) * 1024
}
