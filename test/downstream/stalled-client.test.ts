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
const patience = 4
const heartbeat = 1

type Vendor = UnderlyingDefaultSource<Uint8Array>
type Looked = Tickable & { cancel(): void }
const open: Looked[] = []
afterEach(() => {
  for (const stream of open.splice(0)) stream.cancel()
})

const trailOf = () =>
  new RequestRecords({ write: () => undefined, flush: async () => undefined, configure: () => undefined }).begin(
    'POST',
    '/',
  )
const deadlineOf = () => new Deadline({ expired: () => undefined, look: () => undefined })

const begunRelay = async (vendor: Vendor) => {
  const record = trailOf()
  const reader = new ReadableStream(vendor, { highWaterMark: 0 }).getReader()
  const source = new UpstreamEventSource(reader, passthrough.pipeStream(exchangeFor({})), deadlineOf(), 60, frame)
  const opening = source.commit().then(text => ({ headers: new Headers(), text, source }))
  const terms = {
    heartbeat,
    patience,
    sign: ': sign\n\n',
    type: 'text/event-stream',
    fail: () => '',
    headers: () => ({}),
  }
  const looked = new ClientEventStream(record, terms, opening)
  record.cancellable = looked
  return { trail: record, looked, body: (await looked.answer).body! }
}

const begunHanding = async (vendor: Vendor) => {
  const record = trailOf()
  const response = new Response(new ReadableStream(vendor, { highWaterMark: 0 }))
  const answered = { response, deadline: deadlineOf(), stop: () => undefined }
  const looked = new ClientByteStream(answered, { vendor: 60, client: patience }, record)
  return { trail: record, looked, body: new ReadableStream(looked) }
}

/** A stream whose first piece the client has read. `beat` looks at it so many seconds after that. */
const begin = async (stream: ReturnType<typeof begunRelay | typeof begunHanding>) => {
  const { trail: record, looked, body } = await stream
  open.push(looked)
  // The beats are told here.
  stopTicking(looked)
  const client = body.getReader()
  const take = async () => {
    await client.read()
    await Bun.sleep(0)
  }
  await take()
  const began = performance.now()
  return { trail: record, take, beat: (seconds: number) => looked.tick(began + seconds * 1000) }
}

describe.each([
  ['a stream', begunRelay],
  ['bytes', begunHanding],
])('%s', (_, begun) => {
  test('that is taken from now and then is not cut off, though something lies ready at every look', async () => {
    const { trail: record, take, beat } = await begin(begun({ pull: controller => controller.enqueue(frame) }))
    for (let second = 2; second < 30; second += 2) {
      beat(second)
      await take()
    }
    expect(record.ended).toBeUndefined()
    beat(30)
    beat(30 + patience + 1)
    expect(record.ended?.message).toBe('the client has taken nothing for 4 s')
  })

  test('of which a large piece lies ready are given the time of a poor line', async () => {
    const { trail: record, beat } = await begin(begun({ pull: controller => controller.enqueue(large) }))
    beat(1)
    beat(1 + patience + 9)
    expect(record.ended).toBeUndefined()
    beat(1 + patience + 11)
    expect(record.ended?.code).toBe('cancelled')
  })
})

test('neither a sign of life nor the frame that was fetched before it says that the client took something', async () => {
  let say = () => {}
  const vendor: Vendor = {
    start(controller) {
      say = () => controller.enqueue(frame)
    },
  }
  const { trail: record, beat } = await begin(begunRelay(vendor))
  beat(0.25)
  beat(0.25 + heartbeat)
  say()
  await Bun.sleep(0)
  beat(0.5 + heartbeat)
  beat(heartbeat + patience)
  expect(record.ended).toBeUndefined()
  beat(0.5 + heartbeat + patience)
  expect(record.ended?.code).toBe('cancelled')
})
