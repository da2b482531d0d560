/** What one request may take of the gateway's memory: within the caps 8 times its body and 64 MB, on a fresh process. */
import { expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { peakGrowth } from '../support/memory.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, replyJson } from '../support/upstream-scripts.ts'

const MB = 1024 * 1024
/** Bytes that requests with `body` bytes in all may take. */
const allowedGrowth = (body: number): number => 8 * body + 64 * MB

/** A vendor that takes no lists of prompts. */
const chatOnly = { service: 'zhipu' }

type Bench = { gateway: Gateway; upstream: Upstream }

/** A fresh gateway, in front of a vendor that answers by `script` and forgets what it received. */
const withGateway = async (
  script: Script,
  config: object,
  work: (bench: Bench) => Promise<void>,
  { service = 'openai', ...entry }: { service?: string; [name: string]: unknown } = {},
): Promise<void> => {
  const upstream = await scriptedUpstream(async (answer, request) => {
    upstream.requests.length = 0
    await script(answer, request)
  })
  const server_url = `${upstream.url}/v1`
  const gateway = await startGateway({
    log_level: 'error',
    ...config,
    services: { [service]: [{ enabled: true, models: ['m'], server_url, credentials: { api_key: 'k' }, ...entry }] },
  })
  try {
    await work({ gateway, upstream })
  } finally {
    await gateway.stop()
    await upstream.close()
  }
}

const post = (
  { url }: Gateway,
  path: string,
  body: string | object,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    proxy: false,
  } as RequestInit)

test('a batch of 400 prompts with 2 MB in another field is not copied once for each prompt', async () => {
  const body = JSON.stringify({
    model: 'm',
    user: 'u'.repeat(2 * MB),
    prompt: Array.from({ length: 400 }, (_, index) => `prompt ${index}`),
  })
  await withGateway(
    replyJson(chatBody('yes')),
    {},
    async ({ gateway }) => {
      const [response, growth] = await peakGrowth(gateway, async () => {
        const received = await post(gateway, '/v1/completions', body)
        return { status: received.status, choices: ((await received.json()) as { choices: unknown[] }).choices.length }
      })
      expect(response).toEqual({ status: 200, choices: 400 })
      expect(growth).toBeLessThan(allowedGrowth(body.length))
    },
    chatOnly,
  )
}, 60_000)

test('a batch of more parts than max_items.parts is refused, and the error names the field and the setting', async () => {
  const inputs = Array.from({ length: 6 }, (_, index) => `prompt ${index}`)
  await withGateway(
    replyJson(chatBody('yes')),
    { max_items: { parts: 5 } },
    async ({ gateway }) => {
      const refused = await post(gateway, '/v1/completions', { model: 'm', prompt: inputs })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({
        error: { param: 'prompt', message: expect.stringContaining('max_items') },
      })
      const accepted = await post(gateway, '/v1/completions', { model: 'm', prompt: inputs.slice(1) })
      expect(accepted.status).toBe(200)
    },
    chatOnly,
  )
}, 20_000)
