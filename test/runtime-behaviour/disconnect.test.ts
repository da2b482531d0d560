/** What a handler learns in every phase when its client disconnects. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { type RawClient, rawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Event name → time of the event, in milliseconds of `performance.now()`. */
const eventTimes = new Map<string, number>()
const noteEvent = (what: string) => void eventTimes.set(what, performance.now())
const mayAnswer = Promise.withResolvers<void>()
const never = new Promise<void>(() => {})

const handlers: Record<string, (request: Request) => Promise<Response> | Response> = {
  '/body': async request => {
    await request.text().catch(() => noteEvent('read failed'))
    return new Response()
  },
  '/before': async () => {
    await mayAnswer.promise
    noteEvent('answered')
    return new Response(
      new ReadableStream({ pull: controller => controller.enqueue('x'), cancel: () => noteEvent('cancel') }),
    )
  },
  '/generatorBefore': async () => {
    await mayAnswer.promise
    noteEvent('answered')
    return new Response(generatorBody(never))
  },
  '/silent': () => {
    let first = true
    const pull = async (controller: ReadableStreamDefaultController) => {
      if (!first) await never
      first = false
      controller.enqueue('first')
    }
    return new Response(new ReadableStream({ pull, cancel: () => noteEvent('cancel') }))
  },
  '/flowing': () => {
    const pull = async (controller: ReadableStreamDefaultController) => {
      await Bun.sleep(5)
      controller.enqueue('more')
    }
    return new Response(new ReadableStream({ pull, cancel: () => noteEvent('cancel') }))
  },
  '/generatorSilent': () => new Response(generatorBody(never)),
  '/generatorFlowing': () => new Response(generatorBody(undefined)),
}

/** Bun accepts generators as bodies, but its types do not. */
const generatorBody = (between: Promise<void> | undefined) => generateWords(between) as unknown as ReadableStream

async function* generateWords(between: Promise<void> | undefined) {
  try {
    for (;;) {
      yield 'word'
      await (between ?? Bun.sleep(5))
    }
  } finally {
    noteEvent('finally')
  }
}

const server = Bun.serve({
  port: 0,
  fetch: (request, self) => {
    self.timeout(request, 0)
    request.signal.addEventListener('abort', () => noteEvent('signal'))
    noteEvent('begun')
    return handlers[new URL(request.url).pathname]!(request)
  },
})
beforeEach(() => eventTimes.clear())
afterAll(() => server.stop(true))

/** Sends a request, disconnects once `isReady`, and returns the time of the disconnect. */
const disconnect = async (path: string, isReady: (client: RawClient) => boolean): Promise<number> => {
  const requestText =
    path === '/body'
      ? 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf'
      : `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  const client = rawClient(server.port!, requestText)
  await waitUntil(() => isReady(client))
  await Bun.sleep(10)
  client.socket.destroy()
  return performance.now()
}

const expectSoon = async (what: string, leftAt: number) =>
  expect((await waitUntil(() => eventTimes.get(what))) - leftAt).toBeLessThan(100)
const hasBegun = () => eventTimes.has('begun')
const isFlowing = (client: RawClient) => /first|more|word/.test(client.text())

test('a disconnect while the body arrives fires the abort signal and fails the read', async () => {
  const leftAt = await disconnect('/body', hasBegun)
  await expectSoon('signal', leftAt)
  await expectSoon('read failed', leftAt)
})

test('a disconnect before the answer fires the signal at once; the stream of a later answer is cancelled', async () => {
  const leftAt = await disconnect('/before', hasBegun)
  await expectSoon('signal', leftAt)
  expect(eventTimes.has('answered')).toBe(false)
  mayAnswer.resolve()
  await waitUntil(() => eventTimes.has('cancel'))
})

test('a disconnect before the answer: the generator of a later answer never runs, nor does its finally', async () => {
  const leftAt = await disconnect('/generatorBefore', hasBegun)
  await expectSoon('signal', leftAt)
  await waitUntil(() => eventTimes.has('answered'))
  await Bun.sleep(50)
  expect(eventTimes.has('finally')).toBe(false)
})

test.each(['/silent', '/flowing'])('a disconnect during the stream %s fires the signal and cancel', async path => {
  const leftAt = await disconnect(path, isFlowing)
  await expectSoon('signal', leftAt)
  await expectSoon('cancel', leftAt)
})

test('a disconnect runs the finally of a flowing generator, but not of a waiting one', async () => {
  await expectSoon('finally', await disconnect('/generatorFlowing', isFlowing))
  eventTimes.clear()
  await expectSoon('signal', await disconnect('/generatorSilent', isFlowing))
  await Bun.sleep(50)
  expect(eventTimes.has('finally')).toBe(false)
})
