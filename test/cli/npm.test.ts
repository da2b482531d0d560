/** `npm start` passes arguments and signals through, and Windows gets the `exec` command that its shell lacks. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/gateway-process.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { waitUntil } from '../support/wait-until.ts'

const root = join(import.meta.dir, '../..')
const folder = tempFolder()

const isUp = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/healthz`, { proxy: false } as RequestInit).then(
    ({ ok }) => ok,
    () => false,
  )

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`npm start -- CONFIG --port PORT ends with ${signal} to npm, frees the port and exits with 0`, async () => {
    if (process.platform === 'win32') return
    const config = join(folder, 'my config.json')
    await writeFile(config, JSON.stringify({ services: { mock: [{ enabled: true }] } }))
    const port = await freePort()
    // The tests run on what `prestart` installs, so it is already there.
    const command = ['npm', 'start', '--ignore-scripts', '--', config, '--host', '127.0.0.1', '--port', String(port)]
    const child = Bun.spawn(command, { cwd: root, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    try {
      await waitUntil(() => isUp(port), 15_000)
      child.kill(signal)
      expect(await child.exited).toBe(0)
      expect(await isUp(port)).toBe(false)
    } finally {
      child.kill('SIGKILL')
    }
  })

test('on Windows the installer adds the command `exec`', async () => {
  const directory = join(folder, 'windows')
  await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
  await writeFile(join(directory, 'package-lock.json'), '{"packages":{}}')
  await writeFile(join(directory, 'node_modules/.package-lock.json'), '{"packages":{}}')
  await writeFile(join(directory, 'node_modules/.bin/bun'), '')
  const execScript = join(directory, 'node_modules/.bin/exec.cmd')
  const install = async (...flags: string[]) => {
    const child = Bun.spawn(['node', ...flags, join(root, 'scripts/install.mjs')], { cwd: directory })
    return child.exited
  }
  if (process.platform !== 'win32') {
    expect([await install(), existsSync(execScript)]).toEqual([0, false])
  }
  const windows = `data:text/javascript,Object.defineProperty(process,'platform',{value:'win32'})`
  expect(await install('--import', windows)).toBe(0)
  expect(await readFile(execScript, 'utf8')).toBe('@%*\r\n')
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  expect(scripts['start']).toStartWith('exec ')
})

test('the installer runs the script of Bun and no other, and installs again if it fails', async () => {
  const directory = join(folder, 'scripts')
  const packageFolder = join(directory, 'node_modules/bun')
  await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
  await mkdir(packageFolder, { recursive: true })
  const list = join(directory, 'node_modules/.package-lock.json')
  const npm = join(directory, 'npm.cjs')
  await writeFile(
    npm,
    `console.error(...process.argv.slice(2)); require('fs').writeFileSync(${JSON.stringify(list)}, '{}')`,
  )
  await writeFile(join(directory, 'package-lock.json'), '{"packages":{}}')
  const install = async () => {
    const child = Bun.spawn(['node', join(root, 'scripts/install.mjs')], {
      cwd: directory,
      env: { PATH: process.env['PATH'], npm_execpath: npm },
      stderr: 'pipe',
    })
    return [await child.exited, (await new Response(child.stderr).text()).trim()]
  }
  const npmArguments = 'ci --ignore-scripts --no-audit --no-fund'
  await writeFile(join(packageFolder, 'install.js'), 'console.error("bun", process.cwd())')
  expect(await install()).toEqual([0, `${npmArguments}\nbun ${await realpath(packageFolder)}`])
  expect(existsSync(list)).toBe(true)
  await writeFile(join(packageFolder, 'install.js'), 'process.exit(5)')
  expect(await install()).toEqual([5, npmArguments])
  expect(existsSync(list)).toBe(false)
})

test('the installer runs npm unless npm has installed each package that the lockfile demands of this machine', async () => {
  const directory = join(folder, 'installed')
  await mkdir(join(directory, 'node_modules/.bin'), { recursive: true })
  const npm = join(directory, 'npm.cjs')
  await writeFile(npm, 'console.error("ran", process.argv[2]); process.exit(3)')
  const one = { version: '1.0.0', integrity: 'sha512-one' }
  const wanted = { '': { name: 'x' }, 'node_modules/one': one, 'node_modules/other': { ...one, optional: true } }
  await writeFile(join(directory, 'package-lock.json'), JSON.stringify({ packages: wanted }))
  const install = async (installed?: object) => {
    if (installed)
      await writeFile(join(directory, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }))
    const child = Bun.spawn(['node', join(root, 'scripts/install.mjs')], {
      cwd: directory,
      env: { PATH: process.env['PATH'], npm_execpath: npm },
      stderr: 'pipe',
    })
    return [await child.exited, (await new Response(child.stderr).text()).trim()]
  }
  const ran = [3, 'ran ci']
  expect(await install()).toEqual(ran)
  expect(await install({ 'node_modules/one': one })).toEqual(ran)
  await writeFile(join(directory, 'node_modules/.bin/bun'), '')
  expect(await install({ 'node_modules/one': one })).toEqual([0, ''])
  expect(await install({})).toEqual(ran)
  expect(await install({ 'node_modules/one': { ...one, version: '0.9.0' } })).toEqual(ran)
  expect(await install({ 'node_modules/one': { ...one, integrity: 'sha512-two' } })).toEqual(ran)
})
