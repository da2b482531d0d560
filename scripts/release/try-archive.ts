/**
 * Tries an archive as a user would: unpacks it into an empty folder, starts the program, sends requests and stops it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { startProgram } from './start-program.ts'
import { trySamples } from './try-samples.ts'

/** `version`: what `--version` must print. Returns a summary. @throws Error if anything is wrong. */
export const tryArchive = async (archive: string, version: string): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'simple-one-api-'))
  try {
    await $`tar -xf ${archive} -C ${folder} --strip-components=1`.quiet()
    const program = join(folder, process.platform === 'win32' ? 'simple-one-api.exe' : 'simple-one-api')
    const versionOutput = (await $`${program} --version`.quiet().text()).trim()
    if (!versionOutput.includes(version)) throw new Error(`--version tells "${versionOutput}", not ${version}`)
    return `${versionOutput}; ${await tryServer(program, folder)}; ${await trySamples(program, folder)} samples start and answer`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const tryServer = async (program: string, folder: string): Promise<string> => {
  const startedAt = performance.now()
  const { url, stop } = await startProgram(program, [], folder)
  try {
    const health = await fetch(`${url}/healthz`)
    if (health.status !== 200) throw new Error(`/healthz answers ${health.status}`)
    const startTime = performance.now() - startedAt
    const text = await askMock(url)
    const code = await stop()
    if (code !== 0 && process.platform !== 'win32') throw new Error(`it ended with ${code}`)
    return `up in ${Math.round(startTime)} ms, the mock says ${JSON.stringify(text)}, ends with ${code}`
  } finally {
    await stop()
  }
}

type Answer = { choices?: { message?: { content?: string } }[] }

const askMock = async (url: string): Promise<string> => {
  const body = JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: 'Hello!' }] })
  const headers = { 'content-type': 'application/json' }
  const answer = (await (await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })).json()) as Answer
  const text = answer.choices?.[0]?.message?.content
  if (!text?.includes('Hello!')) throw new Error(`the mock answers ${JSON.stringify(answer)}`)
  return text
}
