/** How processes start: from source, by execve, and compiled. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, runProgram } from '../support/run-program.ts'
import { tempFolder } from '../support/temp-folder.ts'

type ProgramOutput = { pid: number; first?: string; dotenv?: string; preloaded: boolean; mode?: string }

const program = join(import.meta.dir, 'programs/whoami.ts')
const isUnix = process.platform !== 'win32'

test('process.execve restarts a script under the same process id', async () => {
  if (!isUnix) return
  const { report: told, pid } = await runProgram('whoami.ts', ['again'])
  expect(told).toMatchObject({ pid, first: String(pid), mode: 'again' })
})

describe('a compiled executable', () => {
  const folder = tempFolder()
  const build = (out: string, ...flags: string[]) =>
    runCommand([process.execPath, 'build', program, '--compile', ...flags, '--outfile', join(folder, out)])
  const start = async (name: string, ...args: string[]) => {
    const { stdout, pid } = await runCommand([join(folder, name), ...args], {}, join(folder, 'cwd'))
    return { pid, output: JSON.parse(stdout.trim().split('\n').at(-1)!) as ProgramOutput }
  }

  beforeAll(async () => {
    await mkdir(join(folder, 'cwd'))
    await writeFile(join(folder, 'cwd/.env'), 'FROM_DOTENV=yes\n')
    await writeFile(join(folder, 'cwd/bunfig.toml'), 'preload = ["./pre.ts"]\n')
    await writeFile(join(folder, 'cwd/pre.ts'), 'Object.assign(globalThis, { preloaded: true })\n')
    const ours = ['--bytecode', '--format=esm', '--no-compile-autoload-bunfig', '--no-compile-autoload-dotenv']
    const built = await Promise.all([build('bare'), build('ours', ...ours)])
    expect(built.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ])
  }, 30_000)

  test('without flags, the bunfig.toml and .env of the working directory take effect', async () => {
    expect((await start('bare')).output).toMatchObject({ preloaded: true, dotenv: 'yes' })
  })

  test('with the release flags, the bunfig.toml and .env of the working directory are ignored', async () => {
    const { output: told } = await start('ours', 'nothing')
    expect(told.preloaded).toBe(false)
    expect(told.dotenv).toBeUndefined()
    expect(told.mode).toBe('nothing')
  })

  test('process.execve restarts an executable under the same process id', async () => {
    if (!isUnix) return
    const { output: told, pid } = await start('ours', 'again')
    expect(told).toMatchObject({ pid, first: String(pid), mode: 'again' })
  })
})

test('Bun itself comes from npm', async () => {
  const { devDependencies, allowScripts } = await Bun.file(join(import.meta.dir, '../../package.json')).json()
  expect(devDependencies.bun).toBe(Bun.version)
  expect(allowScripts.bun).toBe(true)
})
