/** Streams that were made to cost more than their length: lines without end, and many lines in one frame. */
import { expect, test } from 'bun:test'
import { sseFraming } from '../../src/upstream/framing/sse.ts'

/** The least CPU milliseconds of three runs. */
const cpuTime = (bytes: Uint8Array): number => {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < 3; run++) {
    const before = process.cpuUsage()
    const reader = sseFraming(() => undefined)
    for (let at = 0; at < bytes.length; at += 64 * 1024) reader.push(bytes.subarray(at, at + 64 * 1024))
    reader.end()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

const repeated = (text: string, length: number): Uint8Array => Buffer.from(text.repeat(length / text.length))
const kB = 1024

for (const [name, line] of Object.entries({
  'data lines without a blank line': 'data: x\n',
  'data lines that each look complete': 'data: }\n',
  'empty data lines': 'data:\n',
  'lines that end with a carriage return': 'data: x\r',
}))
  test(`the time for ${name} grows with their length`, () => {
    const [small, large] = [cpuTime(repeated(line, 128 * kB)), cpuTime(repeated(line, 2048 * kB))]
    expect(large).toBeLessThan(24 * Math.max(small, 5))
  })

test('the time for one piece of many carriage returns grows with its length', () => {
  const once = (length: number) => {
    const before = process.cpuUsage()
    const reader = sseFraming(() => undefined)
    reader.push(repeated('data: x\r\r', length))
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  expect(once(9 * 256 * kB)).toBeLessThan(24 * Math.max(once(9 * 16 * kB), 5))
})

test('a frame of empty data lines is refused at the length of any other', () => {
  const reader = sseFraming(() => undefined)
  const lines = repeated('data:\n', 6 * 1024 * kB)
  expect(() => {
    for (let piece = 0; piece < 40; piece++) reader.push(lines)
  }).toThrow('more than 16 MiB')
})

test('a frame of many lines arrives whole', () => {
  for (const count of [1, 2, 4095, 4096, 4097, 8192, 10_000]) {
    const frames: string[] = []
    const reader = sseFraming(({ data }) => void frames.push(data))
    const lines = Array.from({ length: count }, (_, index) => `line ${index}`)
    reader.push(Buffer.from(`${lines.map(line => `data: ${line}\n`).join('')}\n`))
    expect(frames).toEqual([lines.join('\n')])
  }
})
