/** Copies of the project in which mutants run, so that the working tree stays as it is. */
import { existsSync, realpathSync, rmSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

/** Folders at the top of the project that no test reads. */
const leftOut = new Set(['.git', 'node_modules', 'build', 'dist', 'coverage'])

export type Overlay = AsyncDisposable & {
  /** The folder of the copy. */
  root: string
  /** Runs a command in the copy, with a TMPDIR of its own. It and all it started have ended when this returns. */
  run: (command: string[], timeout: number) => Promise<CommandResult>
}

/** `code` is null if the time, in milliseconds, was up. */
export type CommandResult = { code: number | null; output: string; milliseconds: number }

const open = new Set<string>()
const groups = new Set<number>()

/** Copies the project `root`; `node_modules` is a link. Disposal removes the copy. */
export const createOverlay = async (root: string): Promise<Overlay> => {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'))
  open.add(folder)
  const copy = join(folder, 'project')
  const filter = (source: string) => !leftOut.has(relative(root, source))
  await cp(root, copy, { recursive: true, filter, verbatimSymlinks: true })
  await mkdir(join(folder, 'tmp'))
  const modules = join(root, 'node_modules')
  if (existsSync(modules)) await symlink(realpathSync(modules), join(copy, 'node_modules'))
  return {
    root: copy,
    run: (command, timeout) => run(command, copy, join(folder, 'tmp'), timeout),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
      open.delete(folder)
    },
  }
}

const run = async (command: string[], cwd: string, temporary: string, timeout: number): Promise<CommandResult> => {
  const begin = performance.now()
  const child = Bun.spawn(command, {
    cwd,
    // A process group of its own: what the tests started ends with them, and Ctrl-C reaches only the tester.
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  groups.add(child.pid)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    endGroup(child.pid)
  }, timeout)
  const output = new Response(child.stderr).text()
  const code = await child.exited
  clearTimeout(timer)
  endGroup(child.pid)
  groups.delete(child.pid)
  return { code: isLate ? null : code, output: await output, milliseconds: performance.now() - begin }
}

const endGroup = (leader: number): void => {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    // Nothing is left of the group.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** On Ctrl-C or SIGTERM, ends what runs, removes the copies, and exits. */
export const cleanUpOnSignal = (): void => {
  const stop = (code: number) => () => {
    for (const leader of groups) endGroup(leader)
    for (const folder of open) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    process.exit(code)
  }
  process.on('SIGINT', stop(130))
  process.on('SIGTERM', stop(143))
}
