/** Many requests while every vendor is down: how many calls the vendors get, and how soon all is well again. */
import { afterEach, expect, test } from 'bun:test'
import { sendRequest } from '../../support/client.ts'
import { type Gateway, startGateway } from '../../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../../support/scripted-upstream.ts'
import { refuse, replyChat } from '../../support/upstream-scripts.ts'

let vendor: Upstream
let gateway: Gateway
afterEach(async () => {
  await gateway.stop()
  await vendor.close()
})

const start = async (settings: object) => {
  vendor = await scriptedUpstream(refuse(500, { error: { message: 'Internal error.' } }))
  const entry = (name: string) => ({
    enabled: true,
    models: ['m'],
    server_url: `${vendor.url}/${name}/v1`,
    credentials: { api_key: 'sk-canary-storm' },
    limit: { timeout: 3 },
  })
  gateway = await startGateway({ ...settings, services: { openai: [entry('one'), entry('two')] } })
}

/** Sends the requests, so many at once. Returns status and number of attempts of each. */
const storm = async (count: number, atOnce: number) => {
  const answers: { status: number; attempts: number; retryAfter: string | null }[] = []
  let sent = 0
  const client = async () => {
    while (sent++ < count) {
      const answer = await sendRequest(gateway, { model: 'm' })
      await answer.bytes()
      const { status, headers } = answer
      answers.push({ status, attempts: Number(headers.get('x-attempts')), retryAfter: headers.get('retry-after') })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  return answers
}

test('repeats stay within the budget while all vendors are down, and every call is counted as an attempt', async () => {
  await start({ retry: { backoff: 0.01 }, circuit_breaker: { enabled: false } })
  const count = 300
  const answers = await storm(count, 50)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]))
  const attempts = answers.reduce((sum, one) => sum + one.attempts, 0)
  expect(vendor.requests.length).toBe(attempts)
  // Every request may try both entries. Of the calls to an entry, a fifth may be repeats, and ten always.
  expect(vendor.requests.length).toBeLessThanOrEqual(count * 2 * 1.25 + 20)
  expect(vendor.requests.length).toBeGreaterThan(count)
}, 30_000)

test('open breakers keep requests from the vendors, and all are answered within a period of the recovery', async () => {
  await start({ retry: { backoff: 0.01 }, circuit_breaker: { recovery_timeout_seconds: 1 } })
  const failed = await storm(200, 50)
  expect(failed.every(({ status, retryAfter }) => status >= 500 && Number(retryAfter) >= 1)).toBe(true)
  expect(vendor.requests.length).toBeLessThan(200 * 1.25)
  vendor.setScript(replyChat())
  await Bun.sleep(1000)
  const answers = await storm(100, 20)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
}, 30_000)
