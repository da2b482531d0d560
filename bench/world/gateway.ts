/** Starts the gateway under test as a process of its own, in front of the vendors of a world. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { endProcess, launch, workFolder } from '../processes.ts'
import { bun, unboundedEnv } from '../servers.ts'
import { keyOf } from './play-vendors.ts'
import type { VendorScript } from './vendor.ts'
import type { World } from './worlds.ts'

/** What a gateway has to know of a world. `rpm` is there if the operator wrote it down: for each key. */
export type WorldVendor = { name: string; url: string; keys: string[]; rpm?: number }
export type GatewayInput = {
  vendors: WorldVendor[]
  /** The model that all vendors serve. */
  model: string
  port: number
  /** An empty folder for its files. */
  folder: string
  settings: NonNullable<World['settings']>
}
/** `healthPath` answers with a status below 500 once the gateway is up. */
export type GatewayCommand = { command: string[]; healthPath: string; env?: Record<string, string> }
/** Writes the files of another gateway and says how it is started: the default export of a module. */
export type ConfigWriter = (input: GatewayInput) => GatewayCommand | Promise<GatewayCommand>

export type GatewayUnderTest = { url: string; stop: () => Promise<void> }

/**
 * `gateway`: a checkout of this repository, or an executable of it; `writer`: a module that configures and starts
 * another gateway. `logs`: where the gateway's output and files stay.
 */
export type GatewayChoice = { gateway: string; writer?: string; logs?: string }

export const configFor = ({ vendors, model, port, settings }: GatewayInput) => ({
  server_port: `127.0.0.1:${port}`,
  log_level: 'info',
  ...settings.config,
  services: {
    openai: vendors.map(({ name, url, keys, rpm }) => {
      const limit = { ...settings.limit, ...(rpm !== undefined && { rpm, scope: 'credential' }) }
      return {
        id: name,
        enabled: true,
        models: [model],
        server_url: `${url}/v1`,
        ...(keys.length === 1
          ? { credentials: { api_key: keys[0] } }
          : { credential_list: keys.map(key => ({ api_key: key })) }),
        ...(Object.keys(limit).length > 0 && { limit }),
      }
    }),
  },
})

export const vendorsOf = (scripts: readonly VendorScript[], urls: Record<string, string>): WorldVendor[] =>
  scripts.map(({ name, keys, limit, isWritten }) => ({
    name,
    url: urls[name]!,
    keys: Array.from({ length: keys }, (_, key) => keyOf(name, key)),
    ...(isWritten && limit?.rpm !== undefined && { rpm: limit.rpm }),
  }))

const freePort = (): number => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const port = server.port!
  server.stop(true)
  return port
}

const ownCommand = (gateway: string, input: GatewayInput): GatewayCommand => {
  const file = join(input.folder, 'config.json')
  writeFileSync(file, JSON.stringify(configFor(input), null, 2), { mode: 0o600 })
  const path = resolve(gateway)
  const isCheckout = statSync(path).isDirectory()
  if (isCheckout && !existsSync(join(path, 'src/main.ts'))) throw new Error(`${path} holds no src/main.ts`)
  const command = isCheckout ? [bun, '--no-env-file', join(path, 'src/main.ts'), file] : [path, file]
  return { command, healthPath: '/healthz', env: unboundedEnv }
}

/** Waits, at most a minute, until a URL answers. Returns false if the process ends first. */
const waitUntilUp = async (url: string, child: Bun.Subprocess): Promise<boolean> => {
  const deadline = performance.now() + 60_000
  const isUp = () =>
    fetch(url, { proxy: false } as RequestInit).then(
      ({ status }) => status < 500,
      () => false,
    )
  while (child.exitCode === null && performance.now() < deadline) {
    if (await isUp()) return true
    await Bun.sleep(100)
  }
  return false
}

/** Another process may take the free port before the gateway does. */
const startAttempts = 3

/** `label` names the folder of its files. @throws Error if the gateway does not start. */
export const startGatewayUnderTest = async (
  { gateway, writer, logs }: GatewayChoice,
  label: string,
  input: Omit<GatewayInput, 'port' | 'folder'>,
): Promise<GatewayUnderTest> => {
  const own = join(logs ? resolve(logs) : workFolder(), label)
  mkdirSync(own, { recursive: true })
  const module = writer ? ((await import(pathToFileURL(resolve(writer)).href)) as { default: ConfigWriter }) : undefined
  for (let attempt = 0; attempt < startAttempts; attempt++) {
    const full: GatewayInput = { ...input, port: freePort(), folder: own }
    const { command, healthPath, env = {} } = module ? await module.default(full) : ownCommand(gateway, full)
    const child = launch(command, { stdout: Bun.file(join(own, 'log')), env })
    const url = `http://127.0.0.1:${full.port}`
    if (await waitUntilUp(url + healthPath, child)) return { url, stop: () => endProcess(child) }
    await endProcess(child)
  }
  throw new Error(`the gateway of ${label} did not start; its output is in ${own}`)
}
