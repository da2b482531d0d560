/** Starts the measured processes, observes them through Linux's /proc, and ends them whatever happens. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const children = new Set<Bun.Subprocess>()

let folder: string | undefined

/** Holds every file of the run. It is made on first use and removed at exit. */
export const workFolder = (): string => {
  folder ??= mkdtempSync(join(tmpdir(), 'bench-'))
  return folder
}

/** For a process that does not exit by itself: a test run. */
export const removeWorkFolder = (): void => {
  if (folder) rmSync(folder, { recursive: true, force: true })
  folder = undefined
}

process.on('exit', () => {
  for (const child of children) for (const pid of [child.pid, ...childrenOf(child.pid)]) kill(pid)
  removeWorkFolder()
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.on(signal, () => process.exit(code))

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has already ended.
  }
}

export const launch = (
  command: string[],
  options: { stdout?: 'pipe' | Bun.BunFile; env?: Record<string, string> } = {},
): Bun.Subprocess => {
  const child = Bun.spawn(command, {
    cwd: folder,
    stdin: 'ignore',
    stdout: options.stdout ?? 'ignore',
    stderr: 'ignore',
    env: { ...process.env, ...options.env },
    onExit: ended => void children.delete(ended),
  })
  children.add(child)
  return child
}

/** Kills a process and its children. */
export const endProcess = async (child: Bun.Subprocess): Promise<void> => {
  for (const pid of [...childrenOf(child.pid), child.pid]) kill(pid)
  await child.exited
}

/** The lines of a child's standard output. */
export async function* linesOf(child: Bun.Subprocess): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of child.stdout as ReadableStream<Uint8Array>) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest) yield rest
}

/** Reads one line and leaves the rest unread. @throws Error if the child prints nothing. */
export const firstLineOf = async (child: Bun.Subprocess): Promise<string> => {
  for await (const line of linesOf(child)) return line
  throw new Error('a process ended without a word')
}

const ticksPerSecond = 100
/**
 * CPU nanoseconds by thread; those of the runtime's JIT compilers separately; and total microseconds in steps of 10 ms.
 */
export type CpuClock = { threads: Map<string, number>; compilers: number; total: number }

/** The CPU clocks of a process and its children. */
export const clockOf = (pid: number): CpuClock => {
  const clock: CpuClock = { threads: new Map(), compilers: 0, total: 0 }
  for (const id of [pid, ...childrenOf(pid)]) {
    const fields = readOrEmpty(`/proc/${id}/stat`).split(') ')[1]!.split(' ')
    clock.total += ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond
    for (const thread of readdirSync(`/proc/${id}/task`)) {
      const time = Number(readOrEmpty(`/proc/${id}/task/${thread}/schedstat`).split(' ')[0] || Number.NaN)
      clock.threads.set(thread, time)
      if (readOrEmpty(`/proc/${id}/task/${thread}/comm`).startsWith('JIT')) clock.compilers += time
    }
  }
  return clock
}

/**
 * CPU microseconds between two readings. Uses the exact clocks of the threads or, if a thread has ended meanwhile, the
 * coarse total.
 */
export const cpuBetween = (before: CpuClock, after: CpuClock): number => {
  const ended = [...before.threads.keys()].some(thread => !after.threads.has(thread))
  const exact = [...after.threads].reduce((sum, [thread, time]) => sum + time - (before.threads.get(thread) ?? 0), 0)
  return ended || Number.isNaN(exact) ? after.total - before.total : exact / 1000
}

/** Resident memory (MB) of a process and its children: the current value, or the peak since `resetPeak`. */
export const memoryOf = (pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number =>
  [pid, ...childrenOf(pid)].reduce((sum, id) => {
    const kilobytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readOrEmpty(`/proc/${id}/status`))?.[1]
    return sum + Number(kilobytes ?? 0) / 1024
  }, 0)

export const resetPeak = (pid: number): void => {
  for (const id of [pid, ...childrenOf(pid)]) writeFileSync(`/proc/${id}/clear_refs`, '5')
}

/** An empty string if the file is gone: a thread may end between the listing and the reading. */
const readOrEmpty = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap(task =>
      readOrEmpty(`/proc/${pid}/task/${task}/children`).trim().split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

/** The limit of open files (and thus connections) for one process. */
export const openFiles = (): number =>
  Number(/Max open files\s+\d+\s+(\d+)/.exec(readOrEmpty('/proc/self/limits'))?.[1] ?? 1024)
