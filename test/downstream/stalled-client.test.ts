/** Whether a client takes what it is sent, looked at beat by beat: the times are told, not waited for. */
import { afterEach, describe, expect, test } from 'bun:test'
import { stopTicking, type Tickable } from '../../src/base/ticker.ts'
import { ClientByteStream } from '../../src/downstream/byte-stream.ts'
import { ClientEventStream } from '../../src/downstream/event-stream.ts'
import { passthrough } from '../../src/protocols/openai-chat/passthrough.ts'
import { RequestRecords } from '../../src/telemetry/request-record.ts'
import { Deadline } from '../../src/upstream/deadline.ts'
import { UpstreamEventSource } from '../../src/upstream/event-source.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const frame = Buffer.from(
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta: { content: 'word' }, finish_reason: null }] })}\n\n`,
)
/** What needs ten seconds at 64 bytes a millisecond. */
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
  const record = createRecord()
  const reader = new ReadableStream(vendor, { highWaterMark: 0 }).getReader()
  const source = new UpstreamEventSource(reader, passthrough.pipeStream(exchangeFor({})), createDeadline(), 60, frame)
  const opening = source.commit().then(text => ({ headers: new Headers(), text, source }))
  const options = {
    heartbeatInterval,
    clientIdleTimeout,
    heartbeatFrame: ': sign\n\n',
    contentType: 'text/event-stream',
    renderError: () => '',
    headers: () => ({}),
  }
  const looked = new ClientEventStream(record, options, opening)
  record.cancellable = looked
  return { record: record, looked, body: (await looked.response).body! }
}

const startByteStream = async (vendor: Vendor) => {
  const record = createRecord()
  const response = new Response(new ReadableStream(vendor, { highWaterMark: 0 }))
  const upstream = { response, deadline: createDeadline(), stop: () => undefined }
  const looked = new ClientByteStream(upstream, { vendor: 60, client: clientIdleTimeout }, record)
  return { record: record, looked, body: new ReadableStream(looked) }
}

/** A stream whose first piece the client has read. `beat` looks at it so many seconds after that. */
const begin = async (stream: ReturnType<typeof startEventStream | typeof startByteStream>) => {
  const { record: record, looked, body } = await stream
  openStreams.push(looked)
  // The beats are told here.
  stopTicking(looked)
  const client = body.getReader()
  const take = async () => {
    await client.read()
    await Bun.sleep(0)
  }
  await take()
  const startedAt = performance.now()
  return { record: record, take, tickAt: (seconds: number) => looked.tick(startedAt + seconds * 1000) }
}

describe.each([
  ['a stream', startEventStream],
  ['bytes', startByteStream],
])('%s', (_, startStream) => {
  test('that is taken from now and then is not cut off, though something lies ready at every look', async () => {
    const { record: record, take, tickAt } = await begin(startStream({ pull: controller => controller.enqueue(frame) }))
    for (let second = 2; second < 30; second += 2) {
      tickAt(second)
      await take()
    }
    expect(record.endReason).toBeUndefined()
    tickAt(30)
    tickAt(30 + clientIdleTimeout + 1)
    expect(record.endReason?.message).toBe('the client has taken nothing for 4 s')
  })

  test('of which a large piece lies ready are given the time of a poor line', async () => {
    const { record: record, tickAt } = await begin(startStream({ pull: controller => controller.enqueue(large) }))
    tickAt(1)
    tickAt(1 + clientIdleTimeout + 9)
    expect(record.endReason).toBeUndefined()
    tickAt(1 + clientIdleTimeout + 11)
    expect(record.endReason?.code).toBe('cancelled')
  })
})

test('neither a sign of life nor the frame that was fetched before it says that the client took something', async () => {
  let sendFrame = () => {}
  const vendor: Vendor = {
    start(controller) {
      sendFrame = () => controller.enqueue(frame)
    },
  }
  const { record: record, tickAt } = await begin(startEventStream(vendor))
  tickAt(0.25)
  tickAt(0.25 + heartbeatInterval)
  sendFrame()
  await Bun.sleep(0)
  tickAt(0.5 + heartbeatInterval)
  tickAt(heartbeatInterval + clientIdleTimeout)
  expect(record.endReason).toBeUndefined()
  tickAt(0.5 + heartbeatInterval + clientIdleTimeout)
  expect(record.endReason?.code).toBe('cancelled')
})
