/** Small programs in a process of their own, for what is decided before JavaScript starts. */
import { join } from 'node:path'

const folder = join(import.meta.dir, '../runtime-behaviour/programs')

export type Ran = { code: number; stdout: string; stderr: string; pid: number }

/** Runs `command` to its end; the environment is PATH and `env`, no more. */
export const run = async (command: string[], env: Record<string, string> = {}, cwd = folder): Promise<Ran> => {
  const child = Bun.spawn(command, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr, pid: child.pid }
}

/** One of the programs beside the tests of facts, whose last line of output is JSON. */
export const runProgram = async (
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Ran & { told: unknown }> => {
  const ran = await run([process.execPath, join(folder, name), ...args], env)
  if (ran.code !== 0) throw new Error(`${name} ended with ${ran.code}: ${ran.stderr}`)
  return { ...ran, told: JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '') }
}
