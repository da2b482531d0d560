/** A client that leaves ends the vendor's work within a second, in whatever phase. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdir, readlink } from 'node:fs/promises'
import { type ApartUpstream, apartUpstream } from '../support/apart.ts'
import { ask } from '../support/client.ts'
import { deafPort } from '../support/deaf.ts'
import { type Gateway, startGateway } from '../support/process.ts'
import { rawClient } from '../support/raw.ts'
import {
  chat,
  chatFrames,
  cutAfter,
  frameOf,
  inTurn,
  jsonOf,
  neverHeaders,
  silentAfter,
  sseOf,
} from '../support/scripts.ts'
import { type Received, type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { gate, until, within } from '../support/wait.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(chat())
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  gateway = await startGateway({
    heartbeat: 0.5,
    services: {
      openai: [
        { ...entry, models: ['free', 'noted'] },
        { ...entry, models: ['single'], limit: { concurrency: 1, timeout: 20 } },
        { ...entry, models: ['counted'], limit: { tpm: 1000, timeout: 1 } },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const says = (content: string) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'v',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})
/** A body that has begun and does not go on. */
const halfBody: Script = async answer => {
  answer.head(200, { 'content-type': 'application/json' })
  await answer.write('{"id":')
  await answer.silent()
}

/** Lines of the log about clients of `model` that left. */
const leftOf = (model: string): string[] =>
  gateway
    .stdout()
    .split('\n')
    .filter(line => line.includes('"status":499') && line.includes(`"model":"${model}"`))

/** Sends, waits until the vendor has the request, leaves after `linger` ms; gives how long the vendor then still had its connection. */
const leave = async (script: Script, body: object, linger: number): Promise<number> => {
  upstream.become(script)
  const before = upstream.requests.length
  const controller = new AbortController()
  const answer = ask(gateway, { model: 'free', ...body }, { signal: controller.signal }).then(
    response => response.text(),
    () => 'left',
  )
  const received = await until<Received>(() => upstream.requests[before] as Received)
  await Bun.sleep(linger)
  const from = performance.now()
  controller.abort()
  await answer.catch(() => undefined)
  const at = await within(received.aborted, 2000)
  if (at === undefined) throw new Error('the vendor was never told')
  return at - from
}

describe('the vendor is told within a second when the client leaves', () => {
  const phases: [name: string, script: Script, body: object, linger: number][] = [
    ['while it waits for the head, not streamed', neverHeaders, {}, 50],
    ['while it waits for the head, streamed', neverHeaders, { stream: true }, 50],
    ['while it waits for the head, after the first heartbeat', neverHeaders, { stream: true }, 1000],
    ['in the midst of a body that is not streamed', halfBody, {}, 50],
    ['before the first content of a stream', silentAfter(1, [{ ...says(''), choices: [] }]), { stream: true }, 50],
    ['in a silent stream', silentAfter(1, [says('a')]), { stream: true }, 50],
    [
      'in a flowing stream',
      sseOf(
        Array.from({ length: 500 }, () => says('word ')),
        { pace: 10 },
      ),
      { stream: true },
      100,
    ],
  ]
  for (const [name, script, body, linger] of phases)
    test(name, async () => expect(await leave(script, body, linger)).toBeLessThan(1000))
})

/** Connections of a process to a port that have not been answered yet, as Linux tells them. */
const knocking = async (pid: number, port: number): Promise<number> => {
  const table = await Bun.file(`/proc/${pid}/net/tcp`).text()
  const owned = new Set<string>()
  for (const name of await readdir(`/proc/${pid}/fd`))
    owned.add(await readlink(`/proc/${pid}/fd/${name}`).catch(() => ''))
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = table.split('\n').map(line => line.trim().split(/\s+/))
  return rows.filter(row => row[2]?.endsWith(to) && row[3] === '02' && owned.has(`socket:[${row[9]}]`)).length
}

describe.skipIf(process.platform !== 'linux')('nobody knocks at a vendor any more when the client leaves', () => {
  for (const stream of [false, true])
    test(`while the connection is made, ${stream ? '' : 'not '}streamed`, async () => {
      const deaf = await deafPort()
      const limit = { concurrency: 1, timeout: 1 }
      const entry = { enabled: true, models: ['deaf'], server_url: `http://127.0.0.1:${deaf.port}/v1`, limit }
      await using own = await startGateway({ services: { openai: [entry] } })
      try {
        const leaver = new AbortController()
        const left = ask(own, { model: 'deaf', stream }, { signal: leaver.signal }).catch(() => 'left')
        await until(async () => (await knocking(own.pid, deaf.port)) > 0)
        const from = performance.now()
        leaver.abort()
        expect(await left).toBe('left')
        await until(async () => (await knocking(own.pid, deaf.port)) === 0, 2000)
        expect(performance.now() - from).toBeLessThan(1000)
        const next = ask(own, { model: 'deaf', stream }).then(
          answer => answer.text(),
          () => 'left',
        )
        await until(async () => (await knocking(own.pid, deaf.port)) > 0)
        void next
      } finally {
        deaf.close()
      }
    }, 30_000)
})

test('who leaves the line is not served, and the next in line is', async () => {
  const hold = gate()
  upstream.become(async (answer, request) => {
    await answer.wait(hold.opened)
    await jsonOf({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'v',
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
    })(answer, request)
  })
  const before = upstream.requests.length
  const first = ask(gateway, { model: 'single' })
  await until(() => upstream.requests.length === before + 1)
  const leaver = new AbortController()
  const second = ask(gateway, { model: 'single', user: 'second' }, { signal: leaver.signal }).catch(() => 'left')
  await Bun.sleep(100)
  const third = ask(gateway, { model: 'single', user: 'third' })
  await Bun.sleep(100)
  leaver.abort()
  await until(() => leftOf('single').length > 0)
  hold.open()
  expect([(await first).status, await second, (await third).status]).toEqual([200, 'left', 200])
  const served = upstream.requests.slice(before).map(request => (request.json() as { user?: string }).user)
  expect(served).toEqual([undefined, 'third'])
})

test('a slot comes back on every path: success, refusal, cut, client gone', async () => {
  const scripts: Script[] = [chat(), jsonOf({ error: { message: 'no' } }, 400), cutAfter(2, chatFrames()), neverHeaders]
  for (const script of scripts) {
    for (const stream of [false, true]) {
      upstream.become(script)
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 150)
      await ask(gateway, { model: 'single', stream }, { signal: controller.signal })
        .then(
          response => response.text(),
          () => undefined,
        )
        .catch(() => undefined)
    }
  }
  upstream.become(chat())
  const answer = await within(ask(gateway, { model: 'single' }), 1000)
  expect(answer?.status).toBe(200)
})

test('tokens of a request the vendor refused come back', async () => {
  const counted = async (script: Script): Promise<number> => {
    upstream.become(script)
    return (await ask(gateway, { model: 'counted', max_tokens: 900 })).status
  }
  for (const status of [400, 429, 401])
    expect(await counted(jsonOf({ error: { message: 'no' } }, status))).not.toBe(200)
  expect(await counted(chat())).toBe(200)
  expect(await counted(chat())).toBe(200)
})

test('who left is in the log once, as 499', async () => {
  upstream.become(neverHeaders)
  const before = upstream.requests.length
  const controller = new AbortController()
  const asked = ask(gateway, { model: 'noted' }, { signal: controller.signal }).catch(() => undefined)
  await until(() => upstream.requests.length > before)
  controller.abort()
  await asked
  await until(() => leftOf('noted').length > 0)
  await Bun.sleep(300)
  expect(leftOf('noted')).toHaveLength(1)
})

describe('a client that does not leave', () => {
  let vendor: ApartUpstream
  let patient: Gateway
  beforeAll(async () => {
    vendor = await apartUpstream()
    const limit = { concurrency: 1, timeout: 0.2, scope: 'model' }
    patient = await startGateway({
      heartbeat: 0.5,
      timeouts: { idle: 1 },
      services: { openai: [{ enabled: true, models: [vendor.models], server_url: `${vendor.url}/v1`, limit }] },
    })
  })
  afterAll(async () => {
    await patient.stop()
    await vendor.close()
  })

  const post = (path: string, body: object) => {
    const text = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], input: 'x', ...body })
    return `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  }
  const endless: Script = async answer => {
    answer.head(200, { 'content-type': 'text/event-stream' })
    while (!answer.gone) await answer.write(frameOf(says('x'.repeat(32_000))))
  }
  const endlessSound: Script = async answer => {
    answer.head(200, { 'content-type': 'audio/mpeg' })
    while (!answer.gone) await answer.write(new Uint8Array(32_000))
  }

  for (const [name, path, script, body] of [
    ['a stream', '/v1/chat/completions', endless, { stream: true }],
    ['a sound', '/v1/audio/speech', endlessSound, { voice: 'v' }],
  ] satisfies [string, string, Script, object][])
    test.concurrent(`and reads nothing of ${name} gives up its slot, the vendor and its connection`, async () => {
      const model = vendor.model(inTurn(script, chat()))
      const lines = () =>
        patient
          .stdout()
          .split('\n')
          .filter(line => line.includes(`"model":"${model}"`))
          .join()
      const client = rawClient(patient.port, post(path, { model, ...body }))
      client.socket.once('data', () => client.socket.pause())
      const received = await until<Received>(() => vendor.requestsOf(model)[0] as Received)
      expect(await within(received.aborted, 12_000)).toBeDefined()
      await until(() => lines().includes('"status":499'))
      expect(lines()).toContain('the client has taken nothing for 1 s')
      expect((await ask(patient, { model })).status).toBe(200)
      await Bun.sleep(6000)
      client.socket.resume()
      expect(await within(client.closed, 2000)).toBeDefined()
      expect(client.text()).not.toEndWith('0\r\n\r\n')
    }, 30_000)

  /** Reads `rate` bytes a second. */
  const readSlowly = (text: string, rate: number) => {
    const client = rawClient(patient.port, text)
    client.socket.on('data', bytes => {
      client.socket.pause()
      setTimeout(() => client.socket.resume(), (bytes.length / rate) * 1000)
    })
    return client
  }

  for (const [name, size, count] of [
    ['many small pieces', 32_000, 400],
    ['one piece that takes longer than the time of silence', 12_000_000, 1],
  ] as const)
    test.concurrent(`and reads slowly gets all of ${name}`, async () => {
      const words = Array.from({ length: count }, () => says('x'.repeat(size)))
      const last = { ...says(''), choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
      const model = vendor.model(sseOf([...words, last]))
      const began = performance.now()
      const client = readSlowly(post('/v1/chat/completions', { model, stream: true }), 4_000_000)
      await until(() => client.text().includes('[DONE]'), 12_000)
      expect(performance.now() - began).toBeGreaterThan(2000)
      client.socket.destroy()
    }, 20_000)
})
