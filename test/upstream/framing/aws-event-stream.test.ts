import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { awsEventStreamFraming, isAwsEventStream } from '../../../src/upstream/framing/aws-event-stream.ts'
import { maxFrameLength } from '../../../src/upstream/framing/sse.ts'
import { chunkOf, eventOf, exceptionOf, messageOf } from '../../support/aws-event-stream.ts'
import { type Recording, recordedTest, recordings, seededRandom } from '../../support/recordings.ts'

const exchange = { redact: (text: string) => text.replaceAll('geheim', '***') }

type Read = { frames: Frame[]; error?: unknown }

const readAt = (bytes: Uint8Array, cuts: readonly number[]): Read => {
  const frames: Frame[] = []
  const reader = awsEventStreamFraming(frame => frames.push(frame), exchange)
  try {
    let from = 0
    for (const cut of [...cuts, bytes.length]) {
      reader.push(bytes.subarray(from, cut))
      from = cut
    }
    reader.end()
    return { frames }
  } catch (error) {
    return { frames, error }
  }
}

const read = (...messages: Uint8Array[]): Read => readAt(Buffer.concat(messages), [])
const faultOf = (...messages: Uint8Array[]): GatewayError => read(...messages).error as GatewayError

const everyByte = (bytes: Uint8Array): number[] => Array.from(bytes, (_, at) => at)
const someCuts = (bytes: Uint8Array): number[] => {
  const random = seededRandom(bytes.length)
  return Array.from({ length: 64 }, () => Math.floor(random() * bytes.length)).sort((left, right) => left - right)
}

describe('the test vectors that AWS publishes', () => {
  const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')

  test('an empty message emits no frame', () => {
    expect(read(hex('00000010 00000000 05c248eb 7d98c8ff'))).toEqual({ frames: [] })
  })

  test('a message without headers is a frame without an event name', () => {
    const payload = Buffer.from("{'foo':'bar'}").toString('hex')
    expect(read(hex(`0000001d 00000000 fd528c5a ${payload} c3653936`))).toEqual({ frames: [{ data: "{'foo':'bar'}" }] })
  })

  test('a numeric header is skipped', () => {
    const payload = Buffer.from("{'foo':'bar'}").toString('hex')
    const header = '0a 6576656e742d74797065 04 0000a00c'
    expect(read(hex(`0000002d 00000010 41c424b8 ${header} ${payload} 36f480a0`))).toEqual({
      frames: [{ data: "{'foo':'bar'}" }],
    })
  })
})

describe('messages of a stream', () => {
  const stream = Buffer.concat([
    eventOf('messageStart', { role: 'assistant' }),
    eventOf('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Grüße 🦊' } }),
    messageOf({ ':event-type': 'contentBlockDelta', number: 7, ':message-type': 'event' }, '{"b":2}'),
    eventOf('messageStop', { stopReason: 'end_turn' }),
  ])
  const uncut = readAt(stream, [])

  test('each message becomes one frame', () => {
    expect(uncut).toEqual({
      frames: [
        { event: 'messageStart', data: '{"role":"assistant"}' },
        { event: 'contentBlockDelta', data: '{"contentBlockIndex":0,"delta":{"text":"Grüße 🦊"}}' },
        { event: 'contentBlockDelta', data: '{"b":2}' },
        { event: 'messageStop', data: '{"stopReason":"end_turn"}' },
      ],
    })
  })

  test('the frames are the same at any single cut, one byte at a time and at many cuts', () => {
    for (const cut of everyByte(stream)) expect(readAt(stream, [cut])).toEqual(uncut)
    expect(readAt(stream, everyByte(stream))).toEqual(uncut)
    expect(readAt(stream, someCuts(stream))).toEqual(uncut)
  })

  test('isBetweenFrames is false while a message is incomplete', () => {
    const reader = awsEventStreamFraming(() => undefined, exchange)
    expect(reader.isBetweenFrames()).toBe(true)
    reader.push(stream.subarray(0, 3))
    expect(reader.isBetweenFrames()).toBe(false)
    reader.push(stream.subarray(3))
    expect(reader.isBetweenFrames()).toBe(true)
  })

  test('chunks of InvokeModel are unwrapped into their events, whatever the order of their fields', () => {
    expect(read(chunkOf({ type: 'message_stop' }), chunkOf({ a: 1, type: 'ping' }), chunkOf({ a: 'ü' }))).toEqual({
      frames: [
        { event: 'message_stop', data: '{"type":"message_stop"}' },
        { event: 'ping', data: '{"a":1,"type":"ping"}' },
        { data: '{"a":"ü"}' },
      ],
    })
  })
})

test('the metrics that Bedrock adds to an event of the model are removed', () => {
  const metrics = { inputTokenCount: 1 }
  expect(read(chunkOf({ type: 'message_stop', 'amazon-bedrock-invocationMetrics': metrics }))).toEqual({
    frames: [{ event: 'message_stop', data: '{"type":"message_stop"}' }],
  })
  const eventBody = { type: 'x', text: '"amazon-bedrock-invocationMetrics"' }
  expect(read(chunkOf(eventBody)).frames).toEqual([{ event: 'x', data: JSON.stringify(eventBody) }])
})

describe('errors and damaged streams', () => {
  const good = eventOf('messageStart', { role: 'assistant' })

  const exceptions: [type: string, code: string, status: number][] = [
    ['throttlingException', 'upstream_limited', 429],
    ['validationException', 'upstream_refused', 400],
    ['modelTimeoutException', 'upstream_timeout', 504],
    ['modelStreamErrorException', 'upstream_failed', 502],
    ['internalServerException', 'upstream_failed', 500],
    ['serviceUnavailableException', 'upstream_failed', 503],
    ['accessDeniedException', 'upstream_credentials', 502],
    ['neverHeardOfException', 'upstream_failed', 502],
  ]
  for (const [type, code, status] of exceptions)
    test(`${type} is reported as ${code} with status ${status}, after the frames before it`, () => {
      const { frames, error } = read(good, exceptionOf(type, { message: 'no, geheim' }))
      expect(frames).toHaveLength(1)
      expect(error).toBeInstanceOf(GatewayError)
      const reported = error as GatewayError
      expect({ code: reported.code, status: reported.status }).toEqual({ code: code as GatewayError['code'], status })
      expect(JSON.stringify([reported.message, reported.detail])).not.toContain('geheim')
      if (code !== 'upstream_credentials') {
        expect(reported.message).toBe('no, ***')
        expect(reported.detail.vendorCode).toBe(type.charAt(0).toUpperCase() + type.slice(1))
      }
    })

  test('an error message of the framing is reported by its code', () => {
    const headers = { ':message-type': 'error', ':error-code': 'ThrottlingException', ':error-message': 'slow down' }
    const { code, message } = faultOf(messageOf(headers, ''))
    expect({ code, message }).toEqual({ code: 'upstream_limited', message: 'slow down' })
  })

  test('a change of any byte is detected', () => {
    for (const at of everyByte(good)) {
      const damaged = Uint8Array.from(good)
      damaged[at]! ^= 4
      expect(faultOf(damaged)?.code).toBe('upstream_failed')
    }
  })

  test('a stream that ends inside a message fails', () => {
    for (const at of everyByte(good).slice(1)) expect(faultOf(good.subarray(0, at)).code).toBe('upstream_failed')
  })

  const rawMessage = (size: number, headers: number, rest = new Uint8Array()): Uint8Array => {
    const message = Buffer.alloc(12 + rest.length)
    message.writeUInt32BE(size, 0)
    message.writeUInt32BE(headers, 4)
    message.writeUInt32BE(Bun.hash.crc32(message.subarray(0, 8)), 8)
    message.set(rest, 12)
    return message
  }

  test('impossible lengths are refused', () => {
    expect(faultOf(rawMessage(15, 0)).message).toContain('length')
    expect(faultOf(rawMessage(20, 5)).message).toContain('length')
    expect(faultOf(rawMessage(20, 0xffffffff)).message).toContain('length')
  })

  test('a message of more than 16 MiB is refused at its prelude', () => {
    expect(faultOf(rawMessage(maxFrameLength + 1, 0)).message).toContain('16 MiB')
    const large = messageOf({ ':event-type': 'x' }, new Uint8Array(maxFrameLength - 100).fill(97))
    const cuts = Array.from({ length: 400 }, (_, index) => index * 40_000)
    expect(readAt(large, cuts).frames).toHaveLength(1)
  })

  test('headers that are truncated or of an unknown type are refused', () => {
    const withChecksum = (header: number[]): Uint8Array => {
      const message = Buffer.alloc(16 + header.length)
      message.set(rawMessage(message.length, header.length, Uint8Array.from(header)), 0)
      message.writeUInt32BE(Bun.hash.crc32(message.subarray(0, -4)), message.length - 4)
      return message
    }
    for (const header of [
      [5, 97],
      [1, 97, 7, 255, 255, 97],
      [1, 97, 7],
      [1, 97, 99],
      [1, 97, 8, 1],
    ])
      expect(faultOf(withChecksum(header)).message).toContain('header')
  })

  test('a chunk without bytes is refused', () => {
    expect(faultOf(eventOf('chunk', { p: 'abc' })).message).toContain('no bytes')
  })
})

test('isAwsEventStream recognizes the content type', () => {
  expect(isAwsEventStream('application/vnd.amazon.eventstream')).toBe(true)
  expect(isAwsEventStream('application/vnd.amazon.eventstream; charset=x')).toBe(true)
  expect(isAwsEventStream('text/event-stream')).toBe(false)
  expect(isAwsEventStream(null)).toBe(false)
})

const streams = [...recordings('bedrock-converse'), ...recordings('bedrock-invoke')].filter(
  (one): one is Recording & { bytes: Uint8Array } => one.bytes !== undefined,
)

recordedTest(
  streams,
  `${streams.length} recorded streams give the same frames whole, one byte at a time and at 64 seeded cuts`,
  () => {
    for (const { file, bytes } of streams) {
      const uncut = readAt(bytes, [])
      if (file.includes('exception')) expect((uncut.error as GatewayError).code).toBe('upstream_refused')
      else
        expect({ file, error: uncut.error, reported: uncut.frames.length > 0 }).toEqual({
          file,
          error: undefined,
          reported: true,
        })
      for (const { data } of uncut.frames) JSON.parse(data)
      expect(readAt(bytes, everyByte(bytes))).toEqual(uncut)
      expect(readAt(bytes, someCuts(bytes))).toEqual(uncut)
    }
  },
  60_000,
)
