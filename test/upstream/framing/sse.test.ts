import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { maxFrameLength, sseFraming } from '../../../src/upstream/framing/sse.ts'

const read = (...pieces: (string | Uint8Array)[]): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  for (const piece of pieces) reader.push(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)
  reader.end()
  return frames
}

const data = (...texts: string[]): Frame[] => texts.map(text => ({ data: text }))

describe('server-sent events as vendors write them', () => {
  const cases: [name: string, text: string, frames: Frame[]][] = [
    ['plain', 'data: {"a":1}\n\ndata: {"b":2}\n\n', data('{"a":1}', '{"b":2}')],
    ['no space after the colon', 'data:{"a":1}\n\n', data('{"a":1}')],
    ['carriage return and line feed', 'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\n', data('{"a":1}', '{"b":2}')],
    ['carriage return alone', 'data: {"a":1}\r\rdata: {"b":2}\r\r', data('{"a":1}', '{"b":2}')],
    ['no blank line at the end', 'data: {"a":1}\n\ndata: [DONE]', data('{"a":1}', '[DONE]')],
    ['comments between and inside', ': PROCESSING\n\ndata: {"a":1}\n: still here\n\n', data('{"a":1}')],
    ['an event name', 'event: error\ndata: {"message":"no"}\n\n', [{ event: 'error', data: '{"message":"no"}' }]],
    ['several data lines', 'data: {"a":\ndata: 1}\n\n', data('{"a":\n1}')],
    [
      'frames parted by one newline',
      'data: {"a":1}\ndata: {"b":2}\ndata: [DONE]\n',
      data('{"a":1}', '{"b":2}', '[DONE]'),
    ],
    ['id and retry lines', 'id: 7\nretry: 10\ndata: {"a":1}\n\n', data('{"a":1}')],
    ['a byte order mark', '\uFEFFdata: {"a":1}\n\n', data('{"a":1}')],
    ['an event without data', 'event: ping\n\ndata: {"a":1}\n\n', data('{"a":1}')],
    ['nothing', '', []],
  ]
  for (const [name, text, frames] of cases) {
    test(`${name}: the frames are decoded`, () => expect(read(text)).toEqual(frames))
    test(`${name}: the frames are the same one byte at a time`, () => {
      const bytes = new TextEncoder().encode(text)
      expect(read(...[...bytes].map(byte => Uint8Array.of(byte)))).toEqual(frames)
    })
  }
})

test('a character that is cut in the middle is decoded correctly', () => {
  const bytes = new TextEncoder().encode('data: {"text":"你好，🌏"}\n\n')
  for (let cut = 1; cut < bytes.length; cut++)
    expect(read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(data('{"text":"你好，🌏"}'))
})

test('a frame of 8 MiB in small pieces is decoded completely', () => {
  const text = `data: {"image":"${'x'.repeat(8 * 1024 * 1024)}"}\n\n`
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += 4096) pieces.push(text.slice(at, at + 4096))
  const [frame] = read(...pieces)
  expect(frame?.data.length).toBe(text.length - 'data: \n\n'.length)
})

test('a frame beyond the limit is an error, whether it has one line or many', () => {
  const line = 'x'.repeat(maxFrameLength + 1)
  expect(() => read(`data: ${line}`)).toThrow(GatewayError)
  const half = 'x'.repeat(maxFrameLength / 2 + 1)
  expect(() => read(`data: ${half}\ndata: ${half}\n`)).toThrow('16 MiB')
})

test.each<[string, string, boolean]>([
  ['nothing', '', true],
  ['a whole frame', 'data: {"a":1}\n\n', true],
  ['a frame without its blank line', 'data: {"a":1}\n', false],
  ['an event name', 'event: ping\n', false],
  ['half a line', 'da', false],
  ['a whole frame and half a line', 'data: {"a":1}\n\nda', false],
])('after %s the reader knows whether it is between frames', (_, text, isBetween) => {
  const reader = sseFraming(() => undefined)
  reader.push(new TextEncoder().encode(text))
  expect(reader.isBetweenFrames()).toBe(isBetween)
})
