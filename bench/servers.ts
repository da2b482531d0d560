/**
 * The servers between the clients and the vendor: nginx, bare Bun and the gateway. A part of the benchmark may start
 * each of them anew.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultOptions, type GatewayOptions, gatewayConfig, nginxConfig } from './configs.ts'
import type { Job } from './load-job.ts'
import { endProcess, firstLineOf, launch, workFolder } from './processes.ts'

export const root = join(import.meta.dir, '..')
export const bun = process.execPath
export const binary = join(workFolder(), 'simple-one-api')
/** Bun's default limit is 256 concurrent requests. */
export const unboundedEnv = { BUN_CONFIG_MAX_HTTP_REQUESTS: '20000' }

/** `jobOverrides`: what the clients of this server do differently from the others. */
export type ServerProcess = {
  name: string
  url: string
  pid: number
  stop: () => Promise<void>
  jobOverrides?: Partial<Job>
}

/** nginx is often outside the PATH of users other than root. */
export const nginx: string | undefined =
  Bun.which('nginx') ?? ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(file => existsSync(file))

const localServer = (name: string, port: number | string, child: Bun.Subprocess): ServerProcess => ({
  name,
  url: `http://127.0.0.1:${port}`,
  pid: child.pid,
  stop: () => endProcess(child),
})

const freePort = (): number => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const port = server.port!
  server.stop(true)
  return port
}

/** Waits, at most 10 s, until a URL answers. @throws Error if it does not. */
const waitUntilUp = async (url: string): Promise<void> => {
  const deadline = performance.now() + 10_000
  const isUp = () =>
    fetch(url, { proxy: false }).then(
      answer => answer.status < 500,
      () => false,
    )
  while (!(await isUp())) {
    if (performance.now() > deadline) throw new Error(`${url} did not come up`)
    await Bun.sleep(1)
  }
}

export const startVendor = async (): Promise<ServerProcess> => {
  const child = launch([bun, join(root, 'bench/upstream.ts')], { stdout: 'pipe' })
  return localServer('vendor', await firstLineOf(child), child)
}

export const startBare = async (vendor: ServerProcess): Promise<ServerProcess> => {
  const child = launch([bun, join(root, 'bench/bare-bun.ts'), vendor.url], { stdout: 'pipe', env: unboundedEnv })
  return localServer('bare Bun', await firstLineOf(child), child)
}

export const startNginx = async (vendor: ServerProcess): Promise<ServerProcess> => {
  const port = freePort()
  const file = join(workFolder(), `nginx-${port}.conf`)
  writeFileSync(file, nginxConfig(workFolder(), port, vendor.url.slice('http://'.length)))
  const child = launch([nginx!, '-p', workFolder(), '-c', file])
  const server = localServer('nginx', port, child)
  await waitUntilUp(server.url)
  return server
}

export const startGateway = async (
  vendor: ServerProcess,
  options: GatewayOptions = defaultOptions,
): Promise<ServerProcess> => {
  const port = freePort()
  const file = join(workFolder(), `config-${port}.json`)
  writeFileSync(file, JSON.stringify(gatewayConfig(vendor.url, port, options)), { mode: 0o600 })
  const log = options.log === 'file' ? { stdout: Bun.file(join(workFolder(), `log-${port}`)) } : {}
  const child = launch([binary, file], log)
  const server = localServer('gateway', port, child)
  await waitUntilUp(`${server.url}/healthz`)
  return server
}

/** nginx if it is installed, bare Bun if requested, and the gateway. */
export const startAll = async (vendor: ServerProcess, includesBareBun: boolean): Promise<ServerProcess[]> => [
  ...(nginx ? [await startNginx(vendor)] : []),
  ...(includesBareBun ? [await startBare(vendor)] : []),
  await startGateway(vendor),
]

export const stopAll = async (servers: ServerProcess[]): Promise<void> => {
  await Promise.all(servers.map(server => server.stop()))
}
