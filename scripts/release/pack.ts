/** Packs the archive that a user unpacks. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type ArchiveFile, tarGz, zip } from './archive.ts'
import { isWindows, type Target } from './targets.ts'

const root = join(import.meta.dir, '../..')

const pages = ['README.md', 'README.zh-CN.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']
const sharedFiles = [...pages, 'config.json', 'config.schema.json', 'docs', 'samples']

/** Further files, by the operating system at the start of a target's name. */
const serviceFiles: Record<string, string[]> = {
  linux: ['install.sh', 'startup/simple-one-api.service', 'startup/simple-one-api.sh'],
  macos: ['startup/simple-one-api.plist', 'startup/simple-one-api.sh'],
  freebsd: ['startup/simple-one-api.sh'],
  windows: [],
}

/** The name and bytes of a target's archive. It contains one folder, named after the archive. */
export const pack = (target: Target, executable: Uint8Array, version: string, date: number) => {
  const folder = `simple-one-api-${version}-${target.name}`
  const system = target.name.split('-', 1)[0]!
  const program = { name: `simple-one-api${isWindows(target) ? '.exe' : ''}`, content: executable, executable: true }
  const files = [program, ...[...sharedFiles, ...(serviceFiles[system] ?? [])].flatMap(read)]
  const names = new Set(files.map(({ name }) => name))
  const filesInFolder = files
    .map(file => withoutDeadLinks(file, names))
    .map(file => ({ ...file, name: `${folder}/${file.name}` }))
  return isWindows(target)
    ? { name: `${folder}.zip`, content: zip(filesInFolder, date) }
    : { name: `${folder}.tar.gz`, content: tarGz(filesInFolder, date) }
}

/**
 * Pages link to files of the source that no archive contains, and to files of other systems. Such links become plain
 * text.
 */
const withoutDeadLinks = (file: ArchiveFile, names: ReadonlySet<string>): ArchiveFile => {
  if (!file.name.endsWith('.md')) return file
  const folders = [...names].map(name => posix.dirname(name))
  const isInArchive = (target: string): boolean => names.has(target) || folders.includes(target)
  const text = Buffer.from(file.content).toString()
  const rewritten = text.replace(/\[((?:[^\][\\]|\\.)+)\]\((?![a-z]+:|#)([^)#\s]+)[^)]*\)/g, (link, label, target) =>
    isInArchive(posix.join(posix.dirname(file.name), target).replace(/\/$/, '')) ? link : label,
  )
  return rewritten === text ? file : { ...file, content: Buffer.from(rewritten) }
}

/** A file, or all files of a folder except the hidden ones. */
const read = (name: string): ArchiveFile[] => {
  const isFolder = name === 'docs' || name === 'samples'
  const names = isFolder ? (readdirSync(join(root, name), { recursive: true }) as string[]) : ['']
  return names
    .map(inside => (inside ? `${name}/${inside.replaceAll('\\', '/')}` : name))
    .filter(path => !isFolder || /(^|\/)[^./][^/]*\.[a-z]+$/.test(path))
    .map(path => ({ name: path, content: readFileSync(join(root, path)), executable: path.endsWith('.sh') }))
}
