/** Compiles the source into one executable. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { $ } from 'bun'
import { runtimeOf } from './runtime.ts'
import { isSigned, sign } from './sign.ts'
import { isMacos, isWindows, type Target } from './targets.ts'

const root = join(import.meta.dir, '../..')

/** `commit`: twelve digits, with `-dirty` appended if the work tree differs. `date`: seconds since 1970. */
export type Source = { commit: string; date: number }

/**
 * Without git, SOURCE_COMMIT and SOURCE_DATE_EPOCH apply. If they are not set either, the commit is `unknown` and the
 * date 1980, the first year of a zip.
 */
export const sourceState = async (): Promise<Source> => {
  const git = async (...args: string[]) =>
    existsSync(join(root, '.git')) ? (await $`git -C ${root} ${args}`.quiet().nothrow().text()).trim() : ''
  const { SOURCE_COMMIT, SOURCE_DATE_EPOCH } = process.env
  const head = SOURCE_COMMIT ? '' : await git('rev-parse', '--short=12', 'HEAD')
  const dirty = head !== '' && (await git('status', '--porcelain')) !== '' ? '-dirty' : ''
  const date = Number(SOURCE_DATE_EPOCH || (await git('log', '-1', '--format=%ct')))
  return { commit: SOURCE_COMMIT || (head && head + dirty) || 'unknown', date: Math.max(date || 0, 315_532_800) }
}

/**
 * Splits the bundle, so that a start loads only what it needs, and delays the JIT compiler until the port is open
 * (serve.ts). Bun writes the name of its output into the executable, so the output is always built under one name:
 * equal sources give equal bytes.
 * @throws Error if the build fails.
 */
export const compile = async (target: Target, { commit }: Source, out: string): Promise<void> => {
  const runtime = await runtimeOf(target)
  mkdirSync(dirname(resolve(out)), { recursive: true })
  const folder = mkdtempSync(join(dirname(resolve(out)), '.compile-'))
  const built = join(folder, isWindows(target) ? 'simple-one-api.exe' : 'simple-one-api')
  try {
    const { exitCode, stderr } =
      await $`${process.execPath} build src/main.ts --compile --bytecode --minify --format=esm --splitting --compile-jit-policy=8 \
      --sourcemap=none --no-compile-autoload-bunfig --no-compile-autoload-dotenv --define COMMIT=${JSON.stringify(commit)} \
      --target=${target.bun} --compile-executable-path=${runtime} --outfile ${built}`
        .cwd(root)
        .quiet()
        .nothrow()
    if (exitCode !== 0) throw new Error(stderr.toString().trim())
    if (isMacos(target)) ensureSigned(built)
    renameSync(built, out)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const ensureSigned = (path: string): void => {
  const program = readFileSync(path)
  if (!isSigned(program)) writeFileSync(path, sign(program))
}
