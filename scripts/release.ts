/** `bun scripts/release.ts [TARGET…|all|host] [--out FOLDER]` builds archives: by default all of them, into build/. */
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import manifest from '../package.json' with { type: 'json' }
import lockfile from '../package-lock.json' with { type: 'json' }
import { compile, type Source, sourceState } from './release/compile.ts'
import { pack } from './release/pack.ts'
import { type Lockfile, sbomOf } from './release/sbom.ts'
import { findTarget, hostTarget, isWindows, type Target, targets } from './release/targets.ts'
import { tryArchive } from './release/try-archive.ts'

const { version } = manifest
type Archive = { target: Target; name: string; digest: string }

const chooseTargets = (names: string[]): readonly Target[] => {
  if (names.length === 0 || names.includes('all')) return targets
  const named = names.map(name => (name === 'host' ? hostTarget() : findTarget(name)))
  return targets.filter(target => named.includes(target))
}

/** Removes the results of an earlier run, which would belong to another source. */
const clearArchives = (folder: string): void => {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder))
    if (/^(SHA256SUMS|simple-one-api-.*\.(zip|tar\.gz|cdx\.json))$/.test(name)) rmSync(join(folder, name))
}

/** Writes the bill of materials. */
const writeSbom = ({ date }: Source, folder: string): Pick<Archive, 'name' | 'digest'> => {
  const name = `simple-one-api-${version}.cdx.json`
  const content = sbomOf(lockfile as Lockfile, version, date)
  writeFileSync(join(folder, name), content)
  return { name, digest: createHash('sha256').update(content).digest('hex') }
}

const build = async (target: Target, source: Source, folder: string): Promise<Archive> => {
  const program = join(folder, `.${target.name}`)
  try {
    await compile(target, source, program)
    const executable = readFileSync(program)
    const { name, content } = pack(target, executable, version, source.date)
    writeFileSync(join(folder, name), content)
    if (target === hostTarget())
      replaceExecutable(program, join(folder, `simple-one-api${isWindows(target) ? '.exe' : ''}`))
    console.log(`${target.name.padEnd(24)} ${formatSize(executable)} packed ${formatSize(content)}  ${name}`)
    return { target, name, digest: createHash('sha256').update(content).digest('hex') }
  } finally {
    rmSync(program, { force: true })
  }
}

/** A running program cannot be overwritten, but another file can take its name. */
const replaceExecutable = (program: string, path: string): void => {
  rmSync(path, { force: true })
  copyFileSync(program, path)
  chmodSync(path, 0o755)
}

const formatSize = (bytes: Uint8Array): string => `${(bytes.length / 1e6).toFixed(1)} MB`.padStart(8)

const release = async (names: string[], folder: string): Promise<number> => {
  const wanted = chooseTargets(names)
  const source = await sourceState()
  console.log(`simple-one-api ${version} (${source.commit}), ${new Date(source.date * 1000).toISOString()}`)
  clearArchives(folder)
  const archives: Archive[] = []
  for (const target of wanted)
    try {
      archives.push(await build(target, source, folder))
    } catch (error) {
      console.error(`${target.name.padEnd(24)} FAILED: ${error instanceof Error ? error.message : error}`)
    }
  const files = [...archives, writeSbom(source, folder)]
  const sums = files.map(({ digest, name }) => `${digest}  ${name}\n`).join('')
  writeFileSync(join(folder, 'SHA256SUMS'), sums)
  const hostArchive = archives.find(({ target }) => target === hostTarget())
  if (hostArchive) console.log(await tryArchive(join(folder, hostArchive.name), `${version} (${source.commit})`))
  const failed = wanted.length - archives.length
  console.log(`${archives.length} archives in ${folder}${failed ? `, ${failed} FAILED` : ''}`)
  return failed ? 1 : 0
}

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
  process.exitCode = await release(positionals, values.out ?? 'build')
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
