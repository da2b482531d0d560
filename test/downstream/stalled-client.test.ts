/** The stalled-client guard, checked tick by tick: the tests pass the time to `tick` instead of waiting for it. */
import { afterEach, describe, expect, test } from 'bun:test'
import { stopTicking, type Tickable } from '../../src/base/ticker.ts'
import { ClientByteStream } from '../../src/downstream/byte-stream.ts'
import { ClientEventStream } from '../../src/downstream/event-stream.ts'
import { passthrough } from '../../src/protocols/openai-chat/passthrough.ts'
import { RequestRecords } from '../../src/telemetry/request-lifetime.ts'
import { Deadline } from '../../src/upstream/deadline.ts'
import { UpstreamEventSource } from '../../src/upstream/event-source.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const frame = Buffer.from(
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta: { content: 'word' }, finish_reason: null }] })}\n\n`,
)
/** Takes ten seconds to read at 64 bytes per millisecond. */
const large = Buffer.from(frame.toString().replace('word', 'w'.repeat(640_000)))
/** Seconds. */
const clientIdleTimeout = 4
const heartbeatInterval = 1

type Vendor = UnderlyingDefaultSource<Uint8Array>
type CheckedStream = Tickable & { cancel(): void }
const openStreams: CheckedStream[] = []
afterEach(() => {
  for (const stream of openStreams.splice(0)) stream.cancel()
})

const createRecord = () =>
  new RequestRecords({ write: () => undefined, flush: async () => undefined, configure: () => undefined }).begin(
    'POST',
    '/',
  )
const createDeadline = () => new Deadline({ onExpired: () => undefined, onCheck: () => undefined })

const startEventStream = async (vendor: Vendor) => {
  const lifetime = createRecord()
  const reader = new ReadableStream(vendor, { highWaterMark: 0 }).getReader()
  const source = new UpstreamEventSource(passthrough.pipeStream(exchangeFor({})), {
    reader,
    deadline: createDeadline(),
    idle: 60,
    first: frame,
  })
  const opening = source.commit().then(text => ({ headers: new Headers(), text, source }))
  const options = {
    heartbeatInterval,
    clientIdleTimeout,
    heartbeatFrame: ': sign\n\n',
    contentType: 'text/event-stream',
    renderError: () => '',
    redact: (text: string) => text,
    headers: () => ({}),
  }
  const clientStream = new ClientEventStream(lifetime, options, opening)
  lifetime.stopAtEnd(clientStream)
  return { lifetime, clientStream, body: (await clientStream.response).body! }
}

const startByteStream = async (vendor: Vendor) => {
  const lifetime = createRecord()
  const response = new Response(new ReadableStream(vendor, { highWaterMark: 0 }))
  const upstream = { response, deadline: createDeadline(), stop: () => undefined }
  const clientStream = new ClientByteStream(upstream, { vendor: 60, client: clientIdleTimeout }, lifetime)
  return { lifetime, clientStream, body: new ReadableStream(clientStream) }
}

/** A stream whose first chunk the client has read. `tickAt` checks it that many seconds later. */
const begin = async (starting: ReturnType<typeof startEventStream | typeof startByteStream>) => {
  const { lifetime, clientStream, body } = await starting
  openStreams.push(clientStream)
  // The tests call `tick` themselves.
  stopTicking(clientStream)
  const client = body.getReader()
  const readOnce = async () => {
    await client.read()
    await Bun.sleep(0)
  }
  await readOnce()
  const startedAt = performance.now()
  return { lifetime, readOnce, tickAt: (seconds: number) => clientStream.tick(startedAt + seconds * 1000) }
}

describe.each([
  ['an event stream', startEventStream],
  ['a byte stream', startByteStream],
])('%s', (_, startStream) => {
  test('a client that reads now and then is not cut off, even if data is ready at every check', async () => {
    const { lifetime, readOnce, tickAt } = await begin(startStream({ pull: controller => controller.enqueue(frame) }))
    for (let second = 2; second < 30; second += 2) {
      tickAt(second)
      await readOnce()
    }
    expect(lifetime.endReason).toBeUndefined()
    tickAt(30)
    tickAt(30 + clientIdleTimeout + 1)
    expect(lifetime.endReason?.message).toBe('the client has taken nothing for 4 s')
  })

  test('a large chunk gives the client the time that a slow connection needs', async () => {
    const { lifetime, tickAt } = await begin(startStream({ pull: controller => controller.enqueue(large) }))
    tickAt(1)
    tickAt(1 + clientIdleTimeout + 9)
    expect(lifetime.endReason).toBeUndefined()
    tickAt(1 + clientIdleTimeout + 11)
    expect(lifetime.endReason?.code).toBe('cancelled')
  })
})

test('neither a heartbeat nor a frame fetched before it counts as progress of the client', async () => {
  let sendFrame = () => {}
  const vendor: Vendor = {
    start(controller) {
      sendFrame = () => controller.enqueue(frame)
    },
  }
  const { lifetime, tickAt } = await begin(startEventStream(vendor))
  tickAt(0.25)
  tickAt(0.25 + heartbeatInterval)
  sendFrame()
  await Bun.sleep(0)
  tickAt(0.5 + heartbeatInterval)
  tickAt(heartbeatInterval + clientIdleTimeout)
  expect(lifetime.endReason).toBeUndefined()
  tickAt(0.5 + heartbeatInterval + clientIdleTimeout)
  expect(lifetime.endReason?.code).toBe('cancelled')
})
