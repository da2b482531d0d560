/** Vendors that close a connection when it is used again. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sendRequest } from '../../support/client.ts'
import { type Gateway, startGateway } from '../../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../../support/scripted-upstream.ts'
import { delayHeaders, replyChat, resetOnReuse } from '../../support/upstream-scripts.ts'

let vendor: Upstream
let gateway: Gateway
beforeAll(async () => {
  vendor = await scriptedUpstream(delayHeaders(100, replyChat()))
  gateway = await startGateway({
    services: {
      openai: [{ enabled: true, models: ['m'], server_url: `${vendor.url}/v1`, credentials: { api_key: 'k' } }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await vendor.close()
})

const ask = async () => {
  const answer = await sendRequest(gateway, { model: 'm' })
  await answer.bytes()
  return answer.status
}

test('a request that met a dead connection is sent once more, on a new one, however many are idle', async () => {
  await Promise.all(Array.from({ length: 8 }, ask))
  expect(vendor.connections).toBeGreaterThan(4)
  const before = vendor.requests.length
  vendor.setScript(resetOnReuse(replyChat()))
  expect(await ask()).toBe(200)
  expect(vendor.requests.length - before).toBe(2)
})
