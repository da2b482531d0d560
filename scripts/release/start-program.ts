/** Starts an executable as a user would, and stops it. */

/** Milliseconds for the start, the requests and the end together. */
const timeout = 20_000

export type RunningProgram = {
  /** `http://127.0.0.1:port` */
  url: string
  /** Sends SIGTERM and returns the exit code. */
  stop: () => Promise<number>
}

/**
 * Passes only the basic variables of this process's environment.
 * @throws Error with the output if the program ends before it listens.
 */
export const startProgram = async (
  program: string,
  args: readonly string[],
  folder: string,
  env: Record<string, string> = {},
): Promise<RunningProgram> => {
  const { PATH = '', HOME = '', TMPDIR = '', SystemRoot = '', TEMP = '' } = process.env
  const child = Bun.spawn([program, ...args, '--host', '127.0.0.1', '--port', '0'], {
    cwd: folder,
    env: { PATH, HOME, TMPDIR, SystemRoot, TEMP, ...env },
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const killer = setTimeout(() => child.kill('SIGKILL'), timeout)
  void child.exited.finally(() => clearTimeout(killer))
  const stop = (): Promise<number> => {
    child.kill('SIGTERM')
    return child.exited
  }
  return { url: await addressOf(child.stderr), stop }
}

/** The first lines of the output contain the URL. */
const addressOf = async (stderr: ReadableStream<Uint8Array>): Promise<string> => {
  const decoder = new TextDecoder()
  const reader = stderr.getReader()
  let output = ''
  for (;;) {
    const { value, done } = await reader.read()
    output += decoder.decode(value, { stream: true })
    const url = /(http:\/\/\S+)\/v1\n/.exec(output)?.[1]
    if (url) return url
    if (done) throw new Error(`it did not start: ${output}`)
  }
}
