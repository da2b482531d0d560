/** Processes under measurement: started, watched through the operating system, ended. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const children: Bun.Subprocess[] = []

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

export const launch = (
  command: string[],
  options: { stdout?: 'pipe' | 'ignore'; env?: Record<string, string> } = {},
) => {
  const child = Bun.spawn(command, {
    cwd: folder,
    stdin: 'ignore',
    stdout: options.stdout ?? 'ignore',
    stderr: 'ignore',
    env: { ...process.env, ...options.env },
  })
  children.push(child)
  return child
}

/** The first line a child says. */
export const firstLine = async (child: Bun.Subprocess): Promise<string> => {
  const { value } = await (child.stdout as ReadableStream<Uint8Array>).getReader().read()
  return new TextDecoder().decode(value).split('\n')[0]!
}

const ticksPerSecond = 100

/** CPU microseconds a process and its children have used, user and system. */
export const cpuOf = (pid: number): number =>
  [pid, ...childrenOf(pid)].reduce((sum, id) => {
    const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return sum + ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond
  }, 0)

/** Resident megabytes of a process and its children. */
export const memoryOf = (pid: number): number =>
  [pid, ...childrenOf(pid)].reduce((sum, id) => {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1]
    return sum + Number(kilobytes ?? 0) / 1024
  }, 0)

const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
