/** Tests what a user downloads and runs: archives, the image, the service and the scripts. */
import { describe, expect, setSystemTime, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { tarGz, untar, zip } from '../../scripts/release/archive.ts'
import { compile } from '../../scripts/release/compile.ts'
import { pack } from '../../scripts/release/pack.ts'
import { isSigned, sign } from '../../scripts/release/sign.ts'
import { findTarget, hostTarget, targets } from '../../scripts/release/targets.ts'
import { tempFolder } from '../support/temp-folder.ts'

const root = join(import.meta.dir, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const folder = tempFolder()

const run = async (command: string[], env: Record<string, string> = {}, cwd = folder) => {
  const { PATH, HOME } = process.env
  const child = Bun.spawn(command, {
    cwd,
    env: { PATH, HOME, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, out, error }
}

describe('targets', () => {
  type Lock = { packages: Record<string, { integrity?: string; version: string }> }
  const { packages } = JSON.parse(read('package-lock.json')) as Lock

  test.each(targets.map(target => [target.name, target] as const))(
    '%s has a runtime that the lockfile pins',
    (_, target) => {
      const pinned = packages[`node_modules/${target.runtime}`]
      expect(pinned?.integrity).toStartWith('sha512-')
      expect(pinned?.version).toBe(packages['node_modules/bun']!.version)
    },
  )

  test('this machine is one of the targets', () => expect(targets).toContain(hostTarget()))
  test('an unknown target is refused with the names of the known ones', () =>
    expect(() => findTarget('amiga')).toThrow(/no target amiga; there are linux-x64, .*windows-arm64/))
})

describe('an executable', () => {
  const source = { commit: 'c0ffee', date: 1_700_000_000 }

  test('an executable has the same bytes wherever it is built', async () => {
    const [one, other] = [join(folder, 'one/program'), join(folder, 'other/place/named-otherwise')]
    for (const path of [one, other]) await compile(hostTarget(), source, path)
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true)
    expect((await run([one, '--version'])).out).toContain('(c0ffee)')
    // The bundle is split: a single one would load every package at each start.
    for (const part of ['openapi', 'import-database', 'probe', 'serve', 'yaml'])
      expect([part, readFileSync(one).includes(`/root/${part}-`)]).toEqual([part, true])
  }, 120_000)
})

describe('an archive', () => {
  const program = Buffer.from('#!/bin/sh\necho it runs\n')
  const date = 1_700_000_001

  test('an archive has the same bytes at any time, in any zone', () => {
    const packed = () =>
      ['linux-x64', 'windows-x64'].map(name => Bun.hash(pack(findTarget(name), program, '1.2.3', date).content))
    const zone = process.env['TZ']
    const packedAt = (time: string, inZone: string) => {
      try {
        setSystemTime(new Date(time))
        process.env['TZ'] = inZone
        return packed()
      } finally {
        setSystemTime()
        process.env['TZ'] = zone ?? 'UTC'
      }
    }
    const hashes = packedAt('2026-01-02T03:04:05Z', 'UTC')
    expect(packedAt('2031-07-08T21:22:23Z', 'UTC')).toEqual(hashes)
    expect(packedAt('2026-01-02T03:04:05Z', 'Pacific/Auckland')).toEqual(hashes)
  })

  test('an archive does not depend on the order of its files', () => {
    const files = ['b', 'a', 'c/d'].map(name => ({ name, content: Buffer.from(name), executable: false }))
    const reversed = files.toReversed()
    for (const write of [tarGz, zip])
      expect(Buffer.from(write(files, date)).equals(Buffer.from(write(reversed, date)))).toBe(true)
  })

  test('an archive contains every file that its pages link to', () => {
    const { content } = pack(findTarget('linux-x64'), program, '1.2.3', date)
    const files = untar(Bun.gunzipSync(Buffer.from(content)))
    const names = new Set([...files.keys()].map(name => name.replace(/^[^/]+\//, '')))
    const wanted = ['simple-one-api', 'config.json', 'LICENSE', 'samples/mock.json', 'install.sh']
    for (const name of wanted) expect(names).toContain(name)
    for (const page of ['README.md', 'README.zh-CN.md'])
      for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) expect(names).toContain(link!)
    const pages = [...files].filter(([name]) => name.endsWith('.md'))
    const links = pages.flatMap(([name, page]) =>
      [
        ...Buffer.from(page)
          .toString()
          .matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g),
      ].map(([, link]) => join(dirname(name), link!)),
    )
    expect(links.length).toBeGreaterThan(100)
    expect(
      links.filter(link => !files.has(link) && ![...files.keys()].some(name => name.startsWith(`${link}/`))),
    ).toEqual([])
    expect([...names].filter(name => /\.env|\.log$|node_modules/.test(name))).toEqual([])
  })

  test('tar unpacks an archive with its names, dates and permissions', async () => {
    const { name, content } = pack(findTarget('linux-x64'), program, '1.2.3', date)
    expect(name).toBe('simple-one-api-1.2.3-linux-x64.tar.gz')
    await writeFile(join(folder, name), content)
    expect(await run(['tar', '-xzf', name])).toEqual({ code: 0, out: '', error: '' })
    const unpackedFiles = join(folder, 'simple-one-api-1.2.3-linux-x64')
    expect(statSync(join(unpackedFiles, 'simple-one-api')).mtimeMs).toBe(date * 1000)
    expect((await run([join(unpackedFiles, 'simple-one-api')])).out).toBe('it runs\n')
    expect(readFileSync(join(unpackedFiles, 'config.json'), 'utf8')).toBe(read('config.json'))
    expect(statSync(join(unpackedFiles, 'config.json')).mode & 0o777).toBe(0o644)
  })

  test('a Windows archive is a valid zip', async () => {
    const { name, content } = pack(findTarget('windows-x64'), program, '1.2.3', date)
    expect(name).toBe('simple-one-api-1.2.3-windows-x64.zip')
    const buffer = Buffer.from(content)
    const unpackedFiles = unzip(buffer)
    expect(unpackedFiles.get('simple-one-api-1.2.3-windows-x64/simple-one-api.exe')).toEqual(program)
    expect(unpackedFiles.get('simple-one-api-1.2.3-windows-x64/README.md')?.toString()).toBe(read('README.md'))
    expect(unpackedFiles.size).toBe(buffer.readUInt16LE(buffer.length - 12))
  })
})

/** Reads a zip by its central directory, as programs do. */
const unzip = (bytes: Buffer<ArrayBuffer>): Map<string, Buffer> => {
  const end = bytes.length - 22
  const files = new Map<string, Buffer>()
  let at = bytes.readUInt32LE(end + 16)
  for (let remaining = bytes.readUInt16LE(end + 10); remaining > 0; remaining--) {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50)
    const [crc, packed, size] = [at + 16, at + 20, at + 24].map(location => bytes.readUInt32LE(location)) as [
      number,
      number,
      number,
    ]
    const length = bytes.readUInt16LE(at + 28)
    const local = bytes.readUInt32LE(at + 42)
    expect(bytes.subarray(local + 4, local + 30)).toEqual(bytes.subarray(at + 6, at + 32))
    const data = local + 30 + length
    const content = Buffer.from(Bun.inflateSync(bytes.subarray(data, data + packed)))
    expect([content.length, Bun.hash.crc32(content)]).toEqual([size, crc])
    files.set(bytes.subarray(at + 46, at + 46 + length).toString(), content)
    at += 46 + length
  }
  expect(at).toBe(end)
  return files
}

/** The smallest Mach-O with room for a signature: 5,000 bytes of code and a signature that does not match. */
const machO = (): Buffer => {
  const program = Buffer.alloc(5200, 7).fill(0, 0, 300)
  const segment = (at: number, name: string, offset: number, size: number) => {
    program.writeUInt32LE(0x19, at)
    program.writeUInt32LE(72, at + 4)
    program.write(name, at + 8)
    program.writeBigUInt64LE(BigInt(offset), at + 40)
    program.writeBigUInt64LE(BigInt(size), at + 48)
  }
  program.writeUInt32LE(0xfeedfacf, 0)
  program.writeUInt32LE(3, 16)
  segment(32, '__TEXT', 0, 4096)
  segment(104, '__LINKEDIT', 4096, 1104)
  for (const [at, value] of [0x1d, 16, 5000, 200].entries()) program.writeUInt32LE(value, 176 + at * 4)
  return program
}

describe('the signature of a macOS executable', () => {
  test('a signature matches the whole executable and no other', () => {
    const program = machO()
    expect(isSigned(program)).toBe(false)
    const signed = sign(program)
    expect(isSigned(signed)).toBe(true)
    expect(signed.subarray(300, 5000)).toEqual(program.subarray(300, 5000))
    expect(signed.readUInt32LE(176 + 12)).toBe(signed.length - 5000)
    expect(Number(signed.readBigUInt64LE(104 + 48))).toBe(signed.length - 4096)
    expect(sign(signed)).toEqual(signed)
    for (const at of [200, 4095, 4096, 4999]) {
      const changed = Buffer.from(signed)
      changed[at]! ^= 1
      expect(isSigned(changed)).toBe(false)
    }
    expect(isSigned(Buffer.concat([signed, Buffer.alloc(1)]))).toBe(false)
  })
})

const scripts = ['build.sh', 'install.sh', 'startup/simple-one-api.sh']

describe('shell scripts', () => {
  test.each(scripts)('%s has valid syntax and is executable', async script => {
    expect(await run(['sh', '-n', join(root, script)])).toEqual({ code: 0, out: '', error: '' })
    expect(statSync(join(root, script)).mode & 0o111).toBe(0o111)
  })
})

/** A folder like an unpacked archive, with a program that behaves like a small gateway. */
const unpackArchive = async (name: string): Promise<string> => {
  const location = join(folder, name)
  await mkdir(join(location, 'startup'), { recursive: true })
  const files = [
    'install.sh',
    'config.json',
    'config.schema.json',
    'startup/simple-one-api.service',
    'startup/simple-one-api.sh',
  ]
  for (const file of files) await Bun.write(join(location, file), Bun.file(join(root, file)))
  const program = '#!/bin/sh\n[ "${1:-}" != --version ] || { echo simple-one-api 1.2.3; exit 0; }\n'
  const serve =
    '[ "${1:-}" != broken ] || { echo it is broken >&2; exit 1; }\necho "  address   http://localhost:1/v1" >&2\n'
  await writeFile(
    join(location, 'simple-one-api'),
    `${program}${serve}trap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n`,
  )
  for (const file of ['install.sh', 'startup/simple-one-api.sh', 'simple-one-api'])
    await chmod(join(location, file), 0o755)
  return location
}

describe('install.sh', () => {
  const installed = (installRoot: string) =>
    (existsSync(installRoot) ? readdirSync(installRoot, { recursive: true, withFileTypes: true }) : [])
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(installRoot.length))
      .sort()
  const mode = (file: string) => statSync(file).mode & 0o777

  test('install.sh installs, reinstalls without touching the configuration, uninstalls and purges', async () => {
    const location = await unpackArchive('archive')
    const installRoot = join(folder, 'a root')
    const install = (...args: string[]) => run([join(location, 'install.sh'), '--root', installRoot, ...args])
    expect(await install()).toMatchObject({ code: 0, error: '' })
    const [config, program] = ['/etc/simple-one-api/config.json', '/usr/local/bin/simple-one-api']
    const unit = '/etc/systemd/system/simple-one-api.service'
    expect(installed(installRoot)).toEqual([config, '/etc/simple-one-api/config.schema.json', unit, program])
    expect([config, program, unit].map(file => mode(installRoot + file))).toEqual([0o600, 0o755, 0o644])

    await writeFile(installRoot + config, '{ "mine": true }')
    await writeFile(installRoot + program, 'an old version')
    expect((await install()).out).toContain(`kept       ${installRoot}${config}`)
    expect(readFileSync(installRoot + config, 'utf8')).toBe('{ "mine": true }')
    expect(readFileSync(installRoot + program)).toEqual(readFileSync(join(location, 'simple-one-api')))

    expect(await install('--uninstall')).toMatchObject({ code: 0, error: '' })
    expect(installed(installRoot)).toEqual([config, '/etc/simple-one-api/config.schema.json'])
    expect(await install('--uninstall', '--purge')).toMatchObject({ code: 0, error: '' })
    expect(await install('--uninstall', '--purge')).toMatchObject({ code: 0, error: '' })
    expect(installed(installRoot)).toEqual([])
  })

  test('a dry run changes nothing', async () => {
    const location = await unpackArchive('dry')
    const installRoot = join(folder, 'dry-root')
    const { code, out } = await run([join(location, 'install.sh'), '--dry-run', '--root', installRoot])
    expect(code).toBe(0)
    expect(out).toContain(
      `would run: install -m 600 ${location}/config.json ${installRoot}/etc/simple-one-api/config.json`,
    )
    expect(out).not.toMatch(/^installed/m)
    expect(existsSync(installRoot)).toBe(false)
  })

  test('invalid options and a missing or foreign executable are reported', async () => {
    const location = await unpackArchive('wrong')
    const install = (...args: string[]) => run([join(location, 'install.sh'), ...args])
    expect(await install('--purge')).toMatchObject({ code: 1, error: 'install.sh: --purge goes with --uninstall\n' })
    expect(await install('--root')).toMatchObject({ code: 1, error: 'install.sh: --root needs a folder\n' })
    expect((await install('--fast')).error).toContain('what is --fast?')
    await writeFile(join(location, 'simple-one-api'), '#!/bin/sh\nexit 126\n')
    expect((await install('--root', join(folder, 'never'))).error).toContain('does not run on this machine')
    await rm(join(location, 'simple-one-api'))
    expect((await install('--root', join(folder, 'never'))).error).toContain('there is no executable in')
    expect(existsSync(join(folder, 'never'))).toBe(false)
  })
})

describe('startup/simple-one-api.sh', () => {
  test('the script starts once, reports its status, restarts and stops; a stale or foreign pid file does no harm', async () => {
    const location = await unpackArchive('background')
    const home = join(location, 'home')
    await mkdir(home)
    const pidFile = join(home, 'simple-one-api.pid')
    const script = (...args: string[]) =>
      run([join(location, 'startup/simple-one-api.sh'), ...args], { SIMPLE_ONE_API_HOME: home })
    const pid = () => Number(readFileSync(pidFile, 'utf8'))
    try {
      expect((await script('status')).code).toBe(3)
      expect((await script('start')).out).toContain('started (process')
      const first = pid()
      expect((await script('start')).out).toContain(`runs already (process ${first}`)
      expect(await script('status')).toMatchObject({ code: 0, out: `runs (process ${first}, http://localhost:1/v1)\n` })
      expect((await script('restart')).code).toBe(0)
      expect(pid()).not.toBe(first)
      expect(await script('stop')).toMatchObject({ code: 0, out: 'stopped\n' })
      expect(existsSync(pidFile)).toBe(false)

      await using other = Bun.spawn(['sleep', '10'])
      await writeFile(pidFile, `${other.pid}\n`)
      expect((await script('status')).code).toBe(3)
      expect((await script('start')).out).toContain('an old pid file was left behind; removed\nstarted')
    } finally {
      await script('stop')
    }
    expect(await script('stop')).toMatchObject({ code: 0, out: 'does not run\n' })
  })

  test('a failed start reports why', async () => {
    const location = await unpackArchive('failing')
    const { code, error } = await run([join(location, 'startup/simple-one-api.sh'), 'start', 'broken'], {}, location)
    expect([code, error]).toEqual([1, 'it is broken\nsimple-one-api: did not start\n'])
    expect(existsSync(join(location, 'simple-one-api.pid'))).toBe(false)
  })

  test('without a command the script prints its usage', async () =>
    expect(await run([join(root, 'startup/simple-one-api.sh')])).toMatchObject({ code: 2 }))
})

describe('the systemd unit', () => {
  const text = read('startup/simple-one-api.service')
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]

  test('the unit restricts the service to serving', () => {
    const hardening = ['NoNewPrivileges', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'ProtectKernelTunables']
    for (const key of [...hardening, 'RestrictNamespaces', 'RestrictSUIDSGID', 'LockPersonality'])
      expect(value(key)).toBe('yes')
    expect(value('ProtectSystem')).toBe('strict')
    expect(value('CapabilityBoundingSet')).toBe('')
    expect(value('RestrictAddressFamilies')).toContain('AF_INET AF_INET6')
    expect(value('SystemCallFilter')).toBe('@system-service')
  })

  test('the unit allows the JIT compiler, time for open requests, and enough connections', () => {
    expect(value('MemoryDenyWriteExecute')).toBe('no')
    expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(60)
    expect(Number(value('LimitNOFILE'))).toBeGreaterThanOrEqual(65_536)
    expect(value('Restart')).toBe('on-failure')
  })

  test('the unit names what install.sh installs', () => {
    expect(value('ExecStart')).toBe('/usr/local/bin/simple-one-api /etc/simple-one-api/config.json')
    expect(value('User')).toBe('simple-one-api')
  })
})

describe('the image', () => {
  type Compose = { services: Record<string, Record<string, unknown>> }
  const compose = parse(read('docker-compose.yml')) as Compose
  const dockerfile = read('Dockerfile')

  test('the image keeps the paths and port of the Go image', () => {
    for (const line of ['WORKDIR /app', 'EXPOSE 9090', 'ENTRYPOINT ["simple-one-api"]'])
      expect(dockerfile).toContain(`\n${line}\n`)
    const [lastStage] = dockerfile.split(/^FROM /m).slice(-1)
    expect(Number(/^USER (\d+)$/m.exec(lastStage!)?.[1])).toBeGreaterThan(0)
    expect(dockerfile).toMatch(/^HEALTHCHECK /m)
    const images = [...dockerfile.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)].map(([, image]) => image)
    expect(images).toHaveLength(2)
    for (const image of images) expect(image).toMatch(/:\d+\.\d+\.\d+[\w.-]*@sha256:/)
  })

  test('every COPY source of the image is part of the build context', () => {
    const allowedPaths = read('.dockerignore').match(/(?<=^!).+/gm) ?? []
    const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
    expect(copies.length).toBeGreaterThan(3)
    for (const [, from] of copies)
      for (const path of from!.split(' ')) {
        expect(existsSync(join(root, path))).toBe(true)
        expect(allowedPaths.some(allowed => path === allowed || path.startsWith(`${allowed}/`))).toBe(true)
      }
  })

  test('compose runs the image with restricted privileges', () => {
    expect(compose.services['simple-one-api']).toMatchObject({
      restart: 'unless-stopped',
      ports: ['9090:9090'],
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      volumes: [{ source: './config.json', target: '/app/config.json', read_only: true }],
    })
  })
})

test('the links of the startup pages exist', () => {
  const pages = readdirSync(join(root, 'docs/startup')).map(name => `docs/startup/${name}`)
  expect(pages.length).toBe(5)
  for (const page of pages)
    for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g))
      expect(existsSync(join(root, dirname(page), link!))).toBe(true)
})

test('build.sh runs from any folder and refuses an old Node', async () => {
  const tools = join(folder, 'tools')
  await mkdir(tools)
  await writeFile(join(tools, 'node'), '#!/bin/sh\necho 18\n', { mode: 0o755 })
  for (const tool of ['sh', 'dirname']) await symlink(Bun.which(tool)!, join(tools, tool))
  expect(await run(['sh', join(root, 'build.sh')], { PATH: tools })).toEqual({
    code: 1,
    out: '',
    error: 'build.sh: Node.js 20 or newer is needed\n',
  })
})
