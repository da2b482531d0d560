/** What goes into a release is pinned by digest, runs no code of its own while it is built, and can be verified. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Lockfile, sbomOf } from '../../scripts/release/sbom.ts'

const root = join(import.meta.dir, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const digest = /@sha256:[0-9a-f]{64}$/

/** The images that a Dockerfile names without a digest. */
const unpinnedImages = (dockerfile: string): string[] => {
  const images = [...dockerfile.matchAll(/^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)]
  const stages = new Set(images.flatMap(([, , stage]) => stage?.toLowerCase() ?? []))
  const copied = [...dockerfile.matchAll(/\s--(?:from|mount=\S*from)=([^\s,]+)/gi)].map(([, image]) => image!)
  const syntax = /^#\s*syntax\s*=\s*(\S+)/im.exec(dockerfile)?.slice(1) ?? []
  return [...images.map(([, image]) => image!), ...copied, ...syntax].filter(
    image => !stages.has(image.toLowerCase()) && !/^\d+$/.test(image) && image !== 'scratch' && !digest.test(image),
  )
}

/** What a workflow runs that others wrote, if it is not pinned to a commit or a digest. */
const unpinnedUses = (workflow: unknown): string[] => {
  if (Array.isArray(workflow)) return workflow.flatMap(unpinnedUses)
  if (typeof workflow !== 'object' || workflow === null) return []
  return Object.entries(workflow).flatMap(([key, value]) => {
    if (key === 'uses' && typeof value === 'string')
      return value.startsWith('./') || /@[0-9a-f]{40}$/.test(value) || digest.test(value) ? [] : [value]
    if ((key === 'container' || key === 'image') && typeof value === 'string') return digest.test(value) ? [] : [value]
    return unpinnedUses(value)
  })
}

const workflows = readdirSync(join(root, '.github/workflows')).map(
  name => [name, read(`.github/workflows/${name}`)] as const,
)

describe('pins', () => {
  test('every image of the Dockerfile is pinned by digest', () => {
    expect(read('Dockerfile')).toMatch(/^FROM /m)
    expect(unpinnedImages(read('Dockerfile'))).toEqual([])
  })

  test('the rule for images sees every place that can name one', () => {
    const pinned = `a:1@sha256:${'0'.repeat(64)}`
    const wrong = [
      'FROM a:1',
      'FROM --platform=$BUILDPLATFORM a:1 AS b',
      'from a',
      'FROM a:1@sha256:abc',
      'FROM ${IMAGE}',
    ]
    for (const text of [
      ...wrong,
      'COPY --from=a:1 /x /y',
      'RUN --mount=type=bind,from=a:1 x',
      '# syntax=docker/dockerfile:1',
    ])
      expect([text, unpinnedImages(text).length]).toEqual([text, 1])
    expect(
      unpinnedImages(`FROM ${pinned} AS one\nFROM one\nCOPY --from=one /x /y\nCOPY --from=0 /x /y\nFROM scratch`),
    ).toEqual([])
  })

  test.each(workflows)('%s pins every action and image, and may only read', (name, text) => {
    const workflow = parse(text) as { permissions: object; jobs: Record<string, { permissions?: object }> }
    expect(unpinnedUses(workflow)).toEqual([])
    expect(workflow.permissions).toEqual({ contents: 'read' })
    for (const [job, { permissions }] of Object.entries(workflow.jobs))
      if (permissions) expect(`${name}/${job}`).toBe('release.yml/publish')
  })

  test('the rule for workflows sees steps, jobs, containers and services', () => {
    const commit = `a/b@${'0'.repeat(40)}`
    expect(unpinnedUses({ jobs: { a: { uses: 'a/b/.github/workflows/c.yml@v1' } } })).toHaveLength(1)
    expect(unpinnedUses({ jobs: { a: { steps: [{ uses: 'a/b@v1' }, { uses: 'docker://a:1' }] } } })).toHaveLength(2)
    expect(unpinnedUses({ jobs: { a: { container: 'a:1', services: { b: { image: 'b' } } } } })).toHaveLength(2)
    expect(unpinnedUses({ jobs: { a: { container: { image: 'a:1' } } } })).toHaveLength(1)
    expect(unpinnedUses({ jobs: { a: { uses: './x.yml', steps: [{ uses: commit }, { run: 'uses: a' }] } } })).toEqual(
      [],
    )
  })
})

type Step = { name?: string; run?: string; uses?: string; with?: Record<string, string>; env?: Record<string, string> }
type Job = { needs?: string[]; permissions?: object; steps: Step[] }
const { jobs } = parse(read('.github/workflows/release.yml')) as { jobs: Record<'build' | 'publish', Job> }

describe('the release workflow', () => {
  test('the build checks the digest of Node.js before it runs it', () => {
    const [install, ...others] = jobs.build.steps.filter(({ env }) => env?.['NODE_SHA256'] !== undefined)
    expect(others).toEqual([])
    expect(install!.env!['NODE_SHA256']).toMatch(/^[0-9a-f]{64}$/)
    const commands = install!.run!
    expect(commands.indexOf('sha256sum --check')).toBeGreaterThan(commands.indexOf('curl'))
    expect(commands.indexOf('GITHUB_PATH')).toBeGreaterThan(commands.indexOf('sha256sum --check'))
    expect(jobs.build.steps.filter(({ uses = '' }) => uses.includes('setup-node'))).toEqual([])
    const version = /node-v([\d.]+)-/.exec(install!.env!['NODE']!)![1]
    expect(read('Dockerfile')).toContain(`node:${version}-alpine`)
  })

  test('installing packages runs the install script of Bun and no other', () => {
    const places = [
      'build.sh',
      'Dockerfile',
      '.github/workflows/release.yml',
      'scripts/install.mjs',
      'scripts/release.ts',
    ]
    const installs = places.flatMap(place =>
      read(place)
        .split('\n')
        .filter(line => /npm (?:ci|i|install)\b/.test(line) && !line.includes('--ignore-scripts'))
        .map(line => `${place}: ${line.trim()}`),
    )
    expect(installs).toEqual([])
    for (const place of ['build.sh', 'Dockerfile']) expect(read(place)).toContain('node scripts/install.mjs')
    // What the installer runs is tried in test/cli/npm.test.ts.
    expect(read('scripts/install.mjs')).toContain("'--ignore-scripts'")
  })

  test('every published file has a checksum, provenance and a signature by the identity of the workflow', () => {
    const { steps, permissions, needs } = jobs.publish
    expect(needs).toEqual(['test', 'build', 'try'])
    expect(permissions).toEqual({ contents: 'write', 'id-token': 'write', attestations: 'write' })
    const position = (found: (step: Step) => boolean | undefined) => steps.findIndex(step => found(step))
    const checked = position(({ run }) => run?.includes('sha256sum --check'))
    const attested = position(({ uses }) => uses?.startsWith('actions/attest-build-provenance@'))
    const signed = position(({ run }) => run?.includes('cosign sign-blob'))
    const published = position(({ run }) => run?.includes('gh release create'))
    expect(checked).toBeGreaterThanOrEqual(0)
    expect([attested > checked, signed > checked, published > attested, published > signed]).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(steps[attested]!.with).toEqual({ 'subject-checksums': 'SHA256SUMS' })
    expect(steps[published]!.run).toEndWith('simple-one-api-* SHA256SUMS SHA256SUMS.sigstore.json')
  })
})

describe('the bill of materials', () => {
  const lockfile = JSON.parse(read('package-lock.json')) as Lockfile
  type Bom = {
    serialNumber: string
    metadata: { timestamp: string; component: { version: string; 'bom-ref': string } }
    components: { type: string; name: string; version: string; 'bom-ref': string; purl: string; hashes: object[] }[]
    dependencies: { ref: string; dependsOn: string[] }[]
  }
  const bomOf = (lock: Lockfile) => JSON.parse(sbomOf(lock, '1.2.3', 1_700_000_000)) as Bom
  const bom = bomOf(lockfile)

  test('it names the project, and the digest of every package that is not only a tool', () => {
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 })
    expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(bom.metadata).toMatchObject({ timestamp: '2023-11-14T22:13:20.000Z', component: { version: '1.2.3' } })
    const found = new Map(bom.components.map(component => [`${component.name}@${component.version}`, component]))
    let shipped = 0
    for (const [path, { version, integrity, dev }] of Object.entries(lockfile.packages)) {
      if (path === '' || dev) continue
      shipped++
      const component = found.get(`${path.replace(/^.*node_modules\//, '')}@${version}`)
      const content = Buffer.from(integrity!.replace('sha512-', ''), 'base64').toString('hex')
      expect([path, component?.hashes]).toEqual([path, [{ alg: 'SHA-512', content }]])
    }
    expect(shipped).toBeGreaterThan(100)
    expect(found.has('@biomejs/biome@2.5.15')).toBe(false)
  })

  test('it names the runtime that the executables embed', () => {
    const runtimes = bom.components.filter(({ type }) => type === 'platform').map(({ name }) => name)
    expect(runtimes).toContain('bun')
    expect(runtimes).toContain('@oven/bun-linux-x64')
    expect(bom.dependencies.find(({ ref }) => ref.startsWith('pkg:npm/bun@'))!.dependsOn.length).toBeGreaterThan(5)
  })

  test('every reference exists once, and every dependency is one of them', () => {
    const refs = bom.components.map(component => component['bom-ref'])
    expect(new Set(refs).size).toBe(refs.length)
    expect(bom.components.filter(({ purl }) => !/^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@[\w.+-]+$/.test(purl))).toEqual([])
    const all = new Set([...refs, bom.metadata.component['bom-ref']])
    expect(bom.dependencies.map(({ ref }) => ref).toSorted()).toEqual([...all].toSorted())
    expect(bom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter(ref => !all.has(ref))).toEqual([])
  })

  test('a dependency is the package that Node.js would find', () => {
    const one = { version: '1.0.0', integrity: 'sha512-AAAA' }
    const packages = {
      '': { dependencies: { a: '1' } },
      'node_modules/bun': one,
      'node_modules/a': { ...one, dependencies: { b: '2', '@s/c': '1', tool: '1', absent: '1' } },
      'node_modules/a/node_modules/b': { ...one, version: '2.0.0', dependencies: { '@s/c': '1' } },
      'node_modules/b': one,
      'node_modules/@s/c': { ...one, license: 'SEE LICENSE IN x', dependencies: { b: '1' } },
      'node_modules/tool': { ...one, dev: true },
    }
    const { dependencies, components } = bomOf({ packages })
    const edges = Object.fromEntries(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))
    expect(edges).toEqual({
      'pkg:npm/simple-one-api@1.2.3': ['pkg:npm/a@1.0.0', 'pkg:npm/bun@1.0.0'],
      'pkg:npm/a@1.0.0': ['pkg:npm/%40s/c@1.0.0', 'pkg:npm/b@2.0.0'],
      'pkg:npm/b@2.0.0': ['pkg:npm/%40s/c@1.0.0'],
      'pkg:npm/b@1.0.0': [],
      'pkg:npm/%40s/c@1.0.0': ['pkg:npm/b@1.0.0'],
      'pkg:npm/bun@1.0.0': [],
    })
    expect(JSON.stringify(components)).toContain('"license":{"name":"SEE LICENSE IN x"}')
  })

  test('equal sources give equal bytes, and a package without a digest is an error', () => {
    expect(sbomOf(lockfile, '1.2.3', 5)).toBe(sbomOf(lockfile, '1.2.3', 5))
    expect(() => bomOf({ packages: { '': {}, 'node_modules/bun': { version: '1.0.0' } } })).toThrow('no SHA-512')
    expect(() => bomOf({ packages: { '': {} } })).toThrow('node_modules/bun')
  })
})

describe('the LaunchDaemon of macOS', () => {
  const plist = read('startup/simple-one-api.plist')
  const page = read('docs/startup/macos.md')
  const value = (key: string) =>
    new RegExp(`<key>${key}</key>\\s*(?:<!--.*?-->\\s*)?<(\\w+)>([^<]*)</\\1>`).exec(plist)?.[2]

  test('it runs as a user of its own that the page creates, and that owns configuration and log', () => {
    expect(value('UserName')).toBe('_simpleoneapi')
    expect(value('GroupName')).toBe('_simpleoneapi')
    expect(Number(value('Umask'))).toBe(0o077)
    expect(page).toContain('dscl . -create /Users/_simpleoneapi UniqueID')
    expect(page).toContain('dscl . -create /Groups/_simpleoneapi PrimaryGroupID')
    for (const file of ['config.json /usr/local/etc/simple-one-api/', `/dev/null ${value('StandardOutPath')}`])
      expect(page).toContain(`-m 600 -o _simpleoneapi -g _simpleoneapi ${file}`)
    expect(value('StandardErrorPath')).toBe(value('StandardOutPath')!)
    expect(existsSync(join(root, 'startup/simple-one-api.plist'))).toBe(true)
  })
})
