/**
 * Bun's fetch runs at most 256 requests at once and queues the rest in silence. The limit is read from the environment before any
 * JavaScript runs, so the process starts itself anew, once, with a wider one.
 */
const variable = 'BUN_CONFIG_MAX_HTTP_REQUESTS'
/** Requests to vendors at once. */
const maxFetches = '20000'

/** Returns only in a process that has the wide limit. Keeps the process id, but on Windows, where a child serves. */
export const raiseFetchLimit = async (): Promise<void> => {
  if (process.env[variable] !== undefined) return
  const environment = { ...process.env, [variable]: maxFetches }
  const [, script = '', ...args] = process.argv
  const argv = isCompiled(script) ? args : [...process.execArgv, script, ...args]
  if (process.platform !== 'win32' && process.execve)
    process.execve(process.execPath, [process.execPath, ...argv], environment)
  await serveInChild(argv, environment)
}

/** The script of a compiled executable lives in its virtual file system. */
const isCompiled = (script: string): boolean => script.startsWith('/$bunfs/') || /^[A-Z]:[\\/]~BUN[\\/]/i.test(script)

const serveInChild = async (argv: string[], env: NodeJS.ProcessEnv): Promise<never> => {
  // Not above: the process that is replaced would load it, too, and the one that serves.
  const { spawn } = await import('node:child_process')
  return new Promise(() => {
    const child = spawn(process.execPath, argv, { env, stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
    child.on('exit', code => process.exit(code ?? 1))
  })
}
