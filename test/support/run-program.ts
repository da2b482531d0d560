/** Runs small programs in a separate process, for behaviour that is decided before JavaScript starts. */
import { join } from 'node:path'

const programsFolder = join(import.meta.dir, '../runtime-behaviour/programs')

export type ProgramResult = { code: number; stdout: string; stderr: string; pid: number }

/** Runs `command` until it exits. The environment is PATH, HOME and `env`. */
export const runCommand = async (
  command: string[],
  env: Record<string, string> = {},
  cwd = programsFolder,
): Promise<ProgramResult> => {
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

/**
 * Runs one of the programs next to the runtime-behaviour tests. The last line of its output is JSON.
 * @throws if it fails.
 */
export const runProgram = async (
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<ProgramResult & { report: unknown }> => {
  const result = await runCommand([process.execPath, join(programsFolder, name), ...args], env)
  if (result.code !== 0) throw new Error(`${name} ended with ${result.code}: ${result.stderr}`)
  return { ...result, report: JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') }
}
