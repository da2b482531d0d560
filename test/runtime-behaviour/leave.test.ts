/** What a handler learns when its client leaves, in every phase. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { type RawClient, rawClient } from '../support/raw.ts'
import { waitUntil } from '../support/wait.ts'

/** Name of what was told → when. */
const told = new Map<string, number>()
const tell = (what: string) => void told.set(what, performance.now())
const answering = Promise.withResolvers<void>()
const never = new Promise<void>(() => {})

const handlers: Record<string, (request: Request) => Promise<Response> | Response> = {
  '/body': async request => {
    await request.text().catch(() => tell('read failed'))
    return new Response()
  },
  '/before': async () => {
    await answering.promise
    tell('answered')
    return new Response(
      new ReadableStream({ pull: controller => controller.enqueue('x'), cancel: () => tell('cancel') }),
    )
  },
  '/generatorBefore': async () => {
    await answering.promise
    tell('answered')
    return new Response(wordsOf(never))
  },
  '/silent': () => {
    let first = true
    const pull = async (controller: ReadableStreamDefaultController) => {
      if (!first) await never
      first = false
      controller.enqueue('first')
    }
    return new Response(new ReadableStream({ pull, cancel: () => tell('cancel') }))
  },
  '/flowing': () => {
    const pull = async (controller: ReadableStreamDefaultController) => {
      await Bun.sleep(5)
      controller.enqueue('more')
    }
    return new Response(new ReadableStream({ pull, cancel: () => tell('cancel') }))
  },
  '/generatorSilent': () => new Response(wordsOf(never)),
  '/generatorFlowing': () => new Response(wordsOf(undefined)),
}

/** Bun takes generators for bodies; its types do not say so. */
const wordsOf = (between: Promise<void> | undefined) => words(between) as unknown as ReadableStream

async function* words(between: Promise<void> | undefined) {
  try {
    for (;;) {
      yield 'word'
      await (between ?? Bun.sleep(5))
    }
  } finally {
    tell('finally')
  }
}

const server = Bun.serve({
  port: 0,
  fetch: (request, self) => {
    self.timeout(request, 0)
    request.signal.addEventListener('abort', () => tell('signal'))
    tell('begun')
    return handlers[new URL(request.url).pathname]!(request)
  },
})
beforeEach(() => told.clear())
afterAll(() => server.stop(true))

/** Asks, leaves once `ready`, and gives the time of leaving. */
const leave = async (path: string, ready: (client: RawClient) => boolean): Promise<number> => {
  const head =
    path === '/body'
      ? 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf'
      : `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  const client = rawClient(server.port!, head)
  await waitUntil(() => ready(client))
  await Bun.sleep(10)
  client.socket.destroy()
  return performance.now()
}

const soon = async (what: string, left: number) =>
  expect((await waitUntil(() => told.get(what))) - left).toBeLessThan(100)
const begun = () => told.has('begun')
const flowing = (client: RawClient) => /first|more|word/.test(client.text())

test('while the body comes in: the signal, and reading fails', async () => {
  const left = await leave('/body', begun)
  await soon('signal', left)
  await soon('read failed', left)
})

test('before there is an answer: the signal at once; the stream that is answered with later is cancelled', async () => {
  const left = await leave('/before', begun)
  await soon('signal', left)
  expect(told.has('answered')).toBe(false)
  answering.resolve()
  await waitUntil(() => told.has('cancel'))
})

test('before there is an answer: a generator that is answered with never runs, nor does its finally', async () => {
  const left = await leave('/generatorBefore', begun)
  await soon('signal', left)
  await waitUntil(() => told.has('answered'))
  await Bun.sleep(50)
  expect(told.has('finally')).toBe(false)
})

test.each(['/silent', '/flowing'])('in the stream %s: the signal and cancel', async path => {
  const left = await leave(path, flowing)
  await soon('signal', left)
  await soon('cancel', left)
})

test('a generator’s finally runs while it flows, and does not while it waits', async () => {
  await soon('finally', await leave('/generatorFlowing', flowing))
  told.clear()
  await soon('signal', await leave('/generatorSilent', flowing))
  await Bun.sleep(50)
  expect(told.has('finally')).toBe(false)
})
