/** The platforms that executables are built for, and the one of this machine. */
import { closeSync, openSync, readSync } from 'node:fs'

export type Target = {
  /** The name users know; part of the archive's name. */
  name: string
  /** The name for `bun build --target`. */
  bun: string
  /** The npm package that contains the runtime, in the version that package-lock.json pins. */
  runtime: string
}

const target = (name: string, bun: string, runtime: string): Target => ({ name, bun, runtime: `@oven/${runtime}` })

/**
 * Since Bun 1.4 one build serves every x64 processor: each `baseline` target has the same runtime as its counterpart
 * (the installer of the npm package `bun` calls them aliases). They remain for users who look for them.
 */
export const targets: readonly Target[] = [
  target('linux-x64', 'bun-linux-x64', 'bun-linux-x64'),
  target('linux-x64-baseline', 'bun-linux-x64-baseline', 'bun-linux-x64'),
  target('linux-x64-musl', 'bun-linux-x64-musl', 'bun-linux-x64-musl'),
  target('linux-x64-musl-baseline', 'bun-linux-x64-musl-baseline', 'bun-linux-x64-musl'),
  target('linux-arm64', 'bun-linux-arm64', 'bun-linux-aarch64'),
  target('linux-arm64-musl', 'bun-linux-arm64-musl', 'bun-linux-aarch64-musl'),
  target('macos-x64', 'bun-darwin-x64', 'bun-darwin-x64'),
  target('macos-arm64', 'bun-darwin-arm64', 'bun-darwin-aarch64'),
  target('windows-x64', 'bun-windows-x64', 'bun-windows-x64'),
  target('windows-arm64', 'bun-windows-arm64', 'bun-windows-aarch64'),
  target('freebsd-x64', 'bun-freebsd-x64', 'bun-freebsd-x64'),
  target('freebsd-arm64', 'bun-freebsd-arm64', 'bun-freebsd-aarch64'),
]

const systems: Record<string, string> = { darwin: 'macos', win32: 'windows' }

/** The target whose executable runs here: the platform of the running Bun. @throws Error if there is none. */
export const hostTarget = (): Target => {
  const system = systems[process.platform] ?? process.platform
  const name = `${system}-${process.arch}${system === 'linux' && isMusl() ? '-musl' : ''}`
  return findTarget(name)
}

/** @throws Error with the known names if there is no such target. */
export const findTarget = (name: string): Target => {
  const found = targets.find(target => target.name === name)
  if (found) return found
  throw new Error(`there is no target ${name}; there are ${targets.map(target => target.name).join(', ')}`)
}

export const isMacos = ({ name }: Target): boolean => name.startsWith('macos')
export const isWindows = ({ name }: Target): boolean => name.startsWith('windows')

/** The first kilobytes of an executable name its loader. */
const isMusl = (): boolean => {
  const firstBytes = Buffer.alloc(8192)
  const file = openSync(process.execPath, 'r')
  readSync(file, firstBytes)
  closeSync(file)
  return firstBytes.includes('/ld-musl-')
}
