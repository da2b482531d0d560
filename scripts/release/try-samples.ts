/**
 * Tries every sample of an unpacked archive: checks it, starts it and sends a request. No vendor is reached: the proxy
 * is a closed port.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startProgram } from './start-program.ts'

/** Nobody listens on port 9 ("discard"). */
const closedPort = 'http://127.0.0.1:9'
const offlineEnv = { HTTP_PROXY: closedPort, HTTPS_PROXY: closedPort, NO_PROXY: '' }

type Answer = { data?: { id: string }[]; error?: { code: string; message: string } }

/** Returns the number of samples. @throws Error with the first one that fails. */
export const trySamples = async (program: string, folder: string): Promise<number> => {
  const names = readdirSync(join(folder, 'samples')).filter(name => name.endsWith('.json'))
  for (const name of names)
    try {
      checkSample(program, folder, name)
      await askSample(program, folder, name)
    } catch (error) {
      throw new Error(`samples/${name}: ${error instanceof Error ? error.message : error}`)
    }
  return names.length
}

const checkSample = (program: string, folder: string, name: string): void => {
  const { exitCode, stdout } = Bun.spawnSync([program, 'check', `samples/${name}`], { cwd: folder, env: {} })
  if (exitCode !== 0) throw new Error(`check ends with ${exitCode}: ${stdout}`)
}

const askSample = async (program: string, folder: string, name: string): Promise<void> => {
  const { url, stop } = await startProgram(program, [`samples/${name}`], folder, offlineEnv)
  try {
    const { api_key: key } = JSON.parse(readFileSync(join(folder, 'samples', name), 'utf8')) as { api_key?: string }
    const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
    const ask = async (path: string, body?: object): Promise<{ status: number; answer: Answer }> => {
      const init = body ? { method: 'POST', body: JSON.stringify(body) } : {}
      const response = await fetch(`${url}${path}`, { headers, ...init, proxy: false })
      return { status: response.status, answer: (await response.json()) as Answer }
    }
    if ((await ask('/healthz')).status !== 200) throw new Error('/healthz is not 200')
    const { status, answer } = await ask('/v1/models')
    if (status !== 200 || !answer.data) throw new Error(`/v1/models answers ${status}`)
    const model = answer.data[0]?.id ?? 'any'
    // A reranking vendor has no chat model, so it gets a rerank request.
    const reply = /rerank/.test(model)
      ? await ask('/v1/rerank', { model, query: 'Hello!', documents: ['one', 'two'] })
      : await ask('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Hello!' }] })
    const isMock = model.startsWith('mock')
    const isExpected = isMock
      ? reply.status === 200
      : reply.status === 502 && expectedFailure.test(reply.answer.error?.message ?? '')
    if (!isExpected) throw new Error(`${model} answers ${reply.status} ${JSON.stringify(reply.answer)}`)
  } finally {
    await stop()
  }
}

/** The expected error if the vendor cannot be reached, or if the sample's key file does not exist yet. */
const expectedFailure = /could not be reached|key file .* cannot be read/
