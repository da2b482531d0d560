/** Runs the gateway as a separate process: from source, or the executable that SIMPLE_ONE_API_BINARY names. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createFolder, removeFolder } from './temp-folder.ts'
import { waitUntil } from './wait-until.ts'

const root = join(import.meta.dir, '../..')

export type GatewayOptions = {
  /** Environment variables besides PATH, HOME and TMPDIR. The process gets no others. */
  env?: Record<string, string>
  /** Arguments after the name of the configuration file. */
  args?: string[]
  /** Further files next to the configuration, as name → content. Their folder is the working directory. */
  files?: Record<string, string | Uint8Array>
  /** Name of the configuration file. */
  name?: string
}

export type ExitResult = { code: number | null; stdout: string; stderr: string }

export type Gateway = AsyncDisposable & {
  /** `http://127.0.0.1:port` */
  url: string
  port: number
  pid: number
  folder: string
  /** Everything written to the standard output so far. */
  stdout: () => string
  stderr: () => string
  /** Sends the signal (default SIGTERM) and waits for the exit. Kills the process after 10 s. Safe to call again. */
  stop: (signal?: NodeJS.Signals) => Promise<ExitResult>
  exited: Promise<ExitResult>
}

type Child = {
  pid: number
  exited: Promise<ExitResult>
  stdout: () => string
  stderr: () => string
  kill: (signal: NodeJS.Signals) => void
}

/**
 * Starts the gateway with `config` (an object, or the text of a file) and waits until /healthz answers.
 * @throws with the output of the gateway if it exits, or is not up within 15 s.
 */
export const startGateway = async (config: object | string, options: GatewayOptions = {}): Promise<Gateway> => {
  const { args = [], name = 'config.json' } = options
  const folder = await createWorkFolder(config, options)
  const port = await freePort()
  const child = spawn(folder, [name, '--host', '127.0.0.1', '--port', String(port), ...args], options.env)
  const url = `http://127.0.0.1:${port}`
  const exited = child.exited.finally(() => removeFolder(folder))
  let exitResult: ExitResult | undefined
  void exited.then(result => {
    exitResult = result
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<ExitResult> => {
    child.kill(signal)
    const killTimer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    return exited.finally(() => clearTimeout(killTimer))
  }
  try {
    await waitUntil(() => exitResult !== undefined || isHealthy(url), 15_000)
  } catch (timeoutError) {
    await stop('SIGKILL')
    throw new Error(`the gateway did not come up\n${child.stdout()}\n${child.stderr()}`, { cause: timeoutError })
  }
  if (exitResult)
    throw new Error(`the gateway ended with ${exitResult.code}\n${exitResult.stdout}\n${exitResult.stderr}`)
  const { pid, stdout, stderr } = child
  return {
    url,
    port,
    pid,
    folder,
    stdout,
    stderr,
    stop,
    exited,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

/** Runs the command line in a folder with `files` until it exits. Kills it after 20 s. */
export const runGateway = async (
  args: string[],
  options: Pick<GatewayOptions, 'env' | 'files'> = {},
): Promise<ExitResult> => {
  const folder = await createWorkFolder(undefined, options)
  const child = spawn(folder, args, options.env)
  const killTimer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  try {
    return await child.exited
  } finally {
    clearTimeout(killTimer)
    removeFolder(folder)
  }
}

/** Waits for the first line of the standard output that contains `text`, and parses it as JSON. */
export const waitForLogLine = async (
  gateway: Pick<Gateway, 'stdout'>,
  text: string,
): Promise<Record<string, unknown>> => {
  const line = await waitUntil(() =>
    gateway
      .stdout()
      .split('\n')
      .find(one => one.includes(text)),
  )
  return JSON.parse(line) as Record<string, unknown>
}

/**
 * The ports this process hands out. They lie below the ephemeral range of the system, so no other program gets one by
 * chance before the gateway listens. The range depends on the process id, because test files run in several processes
 * at once.
 */
const portRange = { first: 10_000 + (process.pid % 220) * 100, count: 100 }
let nextPortOffset = Math.floor(Math.random() * portRange.count)

/** A port that nothing listens on. Other processes do not take it unless they ask for exactly this port. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < portRange.count; tries++) {
    const port = portRange.first + (nextPortOffset++ % portRange.count)
    if (await isPortFree(port)) return port
  }
  throw new Error(`no port from ${portRange.first} on is free`)
}

const isPortFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * Most tests look at one attempt: what a vendor's failure does to later requests is switched off unless a configuration
 * says something about it.
 */
const withOneAttempt = (config: object): object => {
  const isAboutFailures = ['retry', 'fallback', 'cooling', 'circuit_breaker', 'learn'].some(key => key in config)
  const single = { retry: { attempts: 1 }, cooling: false, learn: false, circuit_breaker: { enabled: false } }
  return isAboutFailures ? config : { ...config, ...single }
}

const createWorkFolder = async (
  config: object | string | undefined,
  { files = {}, name = 'config.json' }: GatewayOptions,
): Promise<string> => {
  const folder = createFolder()
  const allFiles =
    config === undefined
      ? files
      : { ...files, [name]: typeof config === 'string' ? config : JSON.stringify(withOneAttempt(config)) }
  for (const [file, content] of Object.entries(allFiles)) await writeFile(join(folder, file), content)
  return folder
}

/** All processes started here. They are killed when this process exits. */
const runningChildren = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of runningChildren) child.kill('SIGKILL')
})

const spawn = (folder: string, args: string[], env: Record<string, string> = {}): Child => {
  const binary = process.env['SIMPLE_ONE_API_BINARY']
  const command = binary ? [binary] : [process.execPath, join(root, 'src/main.ts')]
  const child = Bun.spawn([...command, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'], ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  runningChildren.add(child)
  const stdout = collectText(child.stdout)
  const stderr = collectText(child.stderr)
  const finish = async (): Promise<ExitResult> => {
    const code = await child.exited
    runningChildren.delete(child)
    await Promise.all([stdout.ended, stderr.ended])
    return { code: child.exitCode ?? code, stdout: stdout.text(), stderr: stderr.text() }
  }
  return {
    pid: child.pid,
    exited: finish(),
    stdout: stdout.text,
    stderr: stderr.text,
    kill: signal => child.kill(signal),
  }
}

const collectText = (stream: ReadableStream<Uint8Array>) => {
  const decoder = new TextDecoder()
  let text = ''
  const ended = (async () => {
    for await (const bytes of stream) text += decoder.decode(bytes, { stream: true })
  })()
  return { text: () => text, ended }
}

const isHealthy = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url}/healthz`, { proxy: false, signal: AbortSignal.timeout(1000) })
    await response.bytes()
    return response.ok
  } catch {
    return false
  }
}
