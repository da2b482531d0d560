/**
 * Bun's fetch runs at most 256 requests at once and queues the rest without a notice. Bun reads the limit from the
 * environment before any JavaScript runs, so the process re-executes itself once with a higher limit.
 */
const variable = 'BUN_CONFIG_MAX_HTTP_REQUESTS'
/** Maximum number of concurrent requests to vendors. */
const maxFetches = '20000'

/**
 * Returns only in a process that has the higher limit. The process id stays the same, except on Windows, where a child
 * process serves.
 */
export const raiseFetchLimit = async (): Promise<void> => {
  if (process.env[variable] !== undefined) return
  const environment = { ...process.env, [variable]: maxFetches }
  const [, script = '', ...args] = process.argv
  const argv = isCompiled(script) ? args : [...process.execArgv, script, ...args]
  if (process.platform !== 'win32' && process.execve)
    process.execve(process.execPath, [process.execPath, ...argv], environment)
  await serveInChild(argv, environment)
}

/** The script of a compiled executable is in its virtual file system. */
const isCompiled = (script: string): boolean => script.startsWith('/$bunfs/') || /^[A-Z]:[\\/]~BUN[\\/]/i.test(script)

const serveInChild = async (argv: string[], env: NodeJS.ProcessEnv): Promise<never> => {
  // Imported here and not above, so that neither the process that is replaced nor the one that serves loads it.
  const { spawn } = await import('node:child_process')
  return new Promise(() => {
    const child = spawn(process.execPath, argv, { env, stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
    child.on('exit', code => process.exit(code ?? 1))
  })
}
