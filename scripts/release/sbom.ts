/**
 * The software bill of materials of a release, in CycloneDX 1.6 (cyclonedx.org/docs/1.6/json). It is made of
 * package-lock.json alone, so it needs no network, and equal sources give equal bytes.
 */
import { createHash } from 'node:crypto'

/** A package of npm's lockfile, version 3. Its key is the path at which npm installs it; '' is the project. */
type LockedPackage = {
  version?: string
  integrity?: string
  license?: string
  dev?: boolean
  optional?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}
export type Lockfile = { packages: Readonly<Record<string, LockedPackage>> }

type Component = Readonly<Record<string, unknown>> & { 'bom-ref': string }
type Dependency = { ref: string; dependsOn: string[] }

/** The runtime, one package for each system. Executables embed it; the lockfile counts it as a tool of development. */
const runtimePath = 'node_modules/bun'
const runtimePaths = /^node_modules\/(?:bun|@oven\/bun-[\w-]+)$/

/**
 * Renders the bill: every package that the executable may contain, and the runtime.
 * @param date seconds since 1970
 * @throws Error if the lockfile has no runtime, or a package without a digest
 */
export const sbomOf = ({ packages }: Lockfile, version: string, date: number): string => {
  const root = purlOf('simple-one-api', version)
  const shipped = Object.keys(packages).filter(path => isShipped(path, packages[path]!))
  if (!shipped.includes(runtimePath)) throw new Error(`package-lock.json has no ${runtimePath}`)
  const components = new Map(shipped.map(path => [refOf(path, packages), componentOf(path, packages[path]!)]))
  const content = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(date * 1000).toISOString(),
      component: { type: 'application', 'bom-ref': root, name: 'simple-one-api', version, purl: root },
    },
    components: [...components.values()].toSorted(byRef),
    dependencies: [
      { ref: root, dependsOn: [...dependenciesOf('', packages), refOf(runtimePath, packages)].toSorted() },
      ...dependenciesByRef(shipped, packages),
    ],
  }
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex')
  return `${JSON.stringify({ ...content, serialNumber: `urn:uuid:${uuidOf(digest)}` }, null, 2)}\n`
}

const isShipped = (path: string, { dev }: LockedPackage): boolean =>
  runtimePaths.test(path) || (path !== '' && dev !== true)

const byRef = (one: Component, other: Component): number => (one['bom-ref'] < other['bom-ref'] ? -1 : 1)

/** `node_modules/a/node_modules/@b/c` → `@b/c`. */
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

const purlOf = (name: string, version: string): string => `pkg:npm/${name.replace('@', '%40')}@${version}`

const refOf = (path: string, packages: Lockfile['packages']): string =>
  purlOf(nameOf(path), packages[path]!.version ?? '')

const componentOf = (path: string, locked: LockedPackage): Component => {
  const { version = '', integrity, license, optional } = locked
  const sha512 = /^sha512-(\S+)$/.exec(integrity ?? '')?.[1]
  if (sha512 === undefined) throw new Error(`package-lock.json has no SHA-512 of ${path}`)
  const purl = purlOf(nameOf(path), version)
  return {
    type: runtimePaths.test(path) ? 'platform' : 'library',
    'bom-ref': purl,
    name: nameOf(path),
    version,
    scope: optional ? 'optional' : 'required',
    hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }],
    ...(license !== undefined && { licenses: [licenseOf(license)] }),
    purl,
  }
}

/** An SPDX expression has no words but identifiers and operators. Anything else is a name. */
const licenseOf = (text: string): object =>
  /^\(?[\w.+-]+(?: (?:AND|OR|WITH) [\w.+-]+)*\)?$/.test(text) ? { expression: text } : { license: { name: text } }

/** The packages that the one at `path` finds: each in the nearest `node_modules`, as Node.js looks them up. */
const dependenciesOf = (path: string, packages: Lockfile['packages']): string[] => {
  const { dependencies, optionalDependencies, peerDependencies } = packages[path]!
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
  return names.flatMap(name => {
    for (let folder = path; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
      const found = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
      if (packages[found]) return isShipped(found, packages[found]) ? [refOf(found, packages)] : []
      if (folder === '') return []
    }
  })
}

const dependenciesByRef = (shipped: readonly string[], packages: Lockfile['packages']): Dependency[] => {
  const byRef = new Map<string, Set<string>>()
  for (const path of shipped) {
    const ref = refOf(path, packages)
    byRef.set(ref, new Set([...(byRef.get(ref) ?? []), ...dependenciesOf(path, packages)]))
  }
  return [...byRef]
    .map(([ref, found]) => ({ ref, dependsOn: [...found].toSorted() }))
    .toSorted((one, other) => (one.ref < other.ref ? -1 : 1))
}

/** A UUID of version 8 (RFC 9562): its other bits are those of the digest. */
const uuidOf = (digest: string): string =>
  `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`
