/** `npm start` passes arguments and signals through, and Windows gets the `exec` command that its shell lacks. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/gateway-process.ts'
import { waitUntil } from '../support/wait-until.ts'

const root = join(import.meta.dir, '../..')
const folder = await mkdtemp(join(tmpdir(), 'gateway-npm-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

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
  await writeFile(join(directory, 'package-lock.json'), '{}')
  await writeFile(join(directory, 'node_modules/.bin/bun'), '')
  const digest = new Bun.CryptoHasher('sha256').update('{}').digest('hex')
  await writeFile(join(directory, 'node_modules/.lock-digest'), digest)
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
