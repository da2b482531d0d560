/** A connection that is kept open after its answer is closed when it has been idle for as long as any other. */
import { expect, test } from 'bun:test'
import { buildRuntime } from '../../src/cli/serve.ts'
import { createLongLivedState } from '../../src/gateway/runtime.ts'
import { createServer } from '../../src/server/server.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { compiledOf } from '../support/config-file.ts'
import { rawClient } from '../support/raw-client.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { replyChat } from '../support/upstream-scripts.ts'

/** The runtime counts in steps of four seconds. */
const idleTimeout = 4

const requests: Record<string, [path: string, body: object]> = {
  'a whole answer': ['/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'x' }] }],
  'a stream': ['/v1/chat/completions', { model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] }],
  'a refusal': ['/v1/chat/completions', { model: 'unknown', messages: [{ role: 'user', content: 'x' }] }],
  'a translated stream': [
    '/v1/messages',
    { model: 'm', stream: true, max_tokens: 5, messages: [{ role: 'user', content: 'x' }] },
  ],
}

test('every kind of answer leaves the connection with the usual timeout', async () => {
  const upstream = await scriptedUpstream(replyChat())
  const compiled = compiledOf({
    services: {
      openai: [{ enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }],
    },
  })
  const log = createLog(
    { write: () => undefined, isTerminal: false },
    { level: 'error', format: 'json', redact: x => x },
  )
  const longLived = createLongLivedState(log)
  const app = createServer({ runtime: buildRuntime(compiled, longLived), draining: false, idleTimeout })
  app.listen({ hostname: '127.0.0.1', port: 0, idleTimeout })
  try {
    const waits = Object.entries(requests).map(async ([name, [path, body]]) => {
      const text = JSON.stringify(body)
      const head = `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`
      const client = rawClient(app.server!.port!, head + text)
      const closedInTime = await Promise.race([client.closed.then(() => true), Bun.sleep(14_000).then(() => false)])
      client.socket.destroy()
      return [name, closedInTime, client.text().startsWith('HTTP/1.1 ')]
    })
    expect(await Promise.all(waits)).toEqual(Object.keys(requests).map(name => [name, true, true]))
  } finally {
    await app.stop(true)
    await upstream.close()
  }
}, 25_000)
