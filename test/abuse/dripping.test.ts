/** A vendor that sends a little now and then, and never ends its answer. */
import { expect, test } from 'bun:test'
import { startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'

const request = { model: 'm', messages: [{ role: 'user', content: 'x' }] }

for (const [name, first, stream] of [
  ['a whole answer', '{"id":"', false],
  ['white space before a whole answer', ' ', false],
  ['white space before a stream', ' ', true],
  ['a whole answer in place of a stream', '{"id":"', true],
] as const)
  test(`${name} that drips is ended after timeouts.total`, async () => {
    const upstream = await scriptedUpstream(async answer => {
      answer.writeHead(200, { 'content-type': 'application/json' })
      await answer.write(first)
      while (!answer.isClientGone) {
        await answer.write(' ')
        await answer.wait(50)
      }
    })
    const entry = { enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
    const gateway = await startGateway({ timeouts: { total: 1 }, services: { openai: [entry] } })
    try {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ ...request, stream }),
        proxy: false,
      } as RequestInit)
      expect(response.status).toBe(504)
      expect(await response.text()).toContain('did not finish its answer within 1 s')
      await upstream.requests[0]!.aborted
    } finally {
      await gateway.stop()
      await upstream.close()
    }
  }, 15_000)

test('a stream that drips content is not ended by timeouts.total', async () => {
  const upstream = await scriptedUpstream(async answer => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let at = 0; at < 10; at++) {
      await answer.write(`data: {"id":"a","choices":[{"index":0,"delta":{"content":"${at}"}}]}\n\n`)
      await answer.wait(200)
    }
    await answer.write('data: [DONE]\n\n')
    answer.end()
  })
  const entry = { enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  const gateway = await startGateway({ timeouts: { total: 1 }, services: { openai: [entry] } })
  try {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...request, stream: true }),
      proxy: false,
    } as RequestInit)
    expect(await response.text()).toContain('"9"')
  } finally {
    await gateway.stop()
    await upstream.close()
  }
}, 15_000)
