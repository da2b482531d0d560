/** Provides the Bun executable that a target's program is embedded in. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { untar } from './archive.ts'
import { hostTarget, isWindows, type Target } from './targets.ts'

const root = join(import.meta.dir, '../..')
const cacheFolder = join(root, 'node_modules/.cache/runtimes')

type Lock = { packages: Record<string, { version: string; integrity: string } | undefined> }

/**
 * The path of the runtime. If the target is this machine, it is the running Bun. Otherwise npm fetches the package
 * once, from the registry it is configured for, and its digest must match package-lock.json.
 * @throws Error if the runtime is not available.
 */
export const runtimeOf = async (target: Target): Promise<string> => {
  if (target.runtime === hostTarget().runtime) return process.execPath
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const pinned = lock.packages[`node_modules/${target.runtime}`]
  if (!pinned) throw new Error(`package-lock.json names no ${target.runtime}`)
  const path = join(cacheFolder, `${target.runtime.replace('@oven/', '')}-${pinned.version}`)
  if (!existsSync(path))
    extractRuntime(await fetchPackage(`${target.runtime}@${pinned.version}`, pinned.integrity), target, path)
  return path
}

const fetchPackage = async (name: string, integrity: string): Promise<Uint8Array> => {
  mkdirSync(cacheFolder, { recursive: true })
  const folder = mkdtempSync(join(cacheFolder, 'fetch-'))
  try {
    const npm = Bun.spawn(['npm', 'pack', name, '--loglevel=error', '--pack-destination', folder], {
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const errorOutput = await new Response(npm.stderr).text()
    const [file] = readdirSync(folder)
    if ((await npm.exited) !== 0 || !file) throw new Error(`npm cannot fetch ${name}\n${errorOutput.trim()}`)
    const bytes = readFileSync(join(folder, file))
    const digest = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    if (digest !== integrity) throw new Error(`${name} is not what package-lock.json pins: ${digest}`)
    return gunzipSync(bytes)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const extractRuntime = (tar: Uint8Array, target: Target, path: string): void => {
  const name = `package/bin/${isWindows(target) ? 'bun.exe' : 'bun'}`
  const content = untar(tar).get(name)
  if (!content) throw new Error(`${target.runtime} holds no ${name}`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.part`, content, { mode: 0o755 })
  renameSync(`${path}.part`, path)
}
