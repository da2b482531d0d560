import { expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json/json.ts'
import { estimateTokens } from '../../src/limits/estimate.ts'
import { memoryLimits } from '../../src/limits/memory.ts'
import { SlidingWindow, wholeRate } from '../../src/limits/sliding-window.ts'
import { clientProtocolOf } from '../../src/protocols/registry.ts'
import {
  admissionRequest,
  createClock,
  entryOf,
  flushPromises,
  limitedTarget,
  limitsContract,
  request,
  seeded,
  targetOf,
} from '../contracts/limits.ts'
import { stopwatch } from '../support/stopwatch.ts'

limitsContract('memory', clock => memoryLimits(clock))

test('a fractional rate becomes a whole number in another span', () => {
  expect(wholeRate(2.5, 1)).toEqual({ limit: 2, span: 800 })
  expect(wholeRate(0.5, 1)).toEqual({ limit: 1, span: 2000 })
  expect(wholeRate(0.25, 60)).toEqual({ limit: 1, span: 240_000 })
  expect(wholeRate(15, 60)).toEqual({ limit: 15, span: 60_000 })
})

test.each([1, 2, 3])('a window never holds more than its limit in any span, and little less (seed %d)', seed => {
  const random = seeded(seed)
  const window = new SlidingWindow(1000, 60_000)
  const admitted: { at: number; amount: number }[] = []
  let now = 0
  while (now < 600_000) {
    const amount = 1 + Math.floor(random() * 5)
    if (window.hasCapacity(amount, now)) {
      window.charge(amount, now)
      admitted.push({ at: now, amount })
    }
    now += random() * 60
  }
  let [sum, oldest, maxSum] = [0, 0, 0]
  for (const { at, amount } of admitted) {
    sum += amount
    while (admitted[oldest]!.at <= at - 60_000) sum -= admitted[oldest++]!.amount
    maxSum = Math.max(maxSum, sum)
  }
  expect(maxSum).toBeLessThanOrEqual(1000)
  const total = admitted.reduce((all, { amount }) => all + amount, 0)
  expect(total).toBeGreaterThan(9900)
})

test('readyAt is the earliest time at which the window has capacity', () => {
  const random = seeded(7)
  const window = new SlidingWindow(50, 1000)
  let now = 0
  for (let step = 0; step < 5000; step++) {
    const amount = Math.floor(random() * 70)
    const ready = window.readyAt(amount, now)
    if (ready > now) {
      expect(window.hasCapacity(amount, ready - 0.001)).toBe(false)
      now = ready
    }
    expect(window.hasCapacity(amount, now)).toBe(true)
    const handle = window.charge(amount, now)
    if (random() < 0.3) window.correct(handle, Math.floor((random() - 0.5) * amount), now)
    now += random() * 20
  }
})

test('a correction of an expired charge ignores a refund and charges an excess', () => {
  const window = new SlidingWindow(100, 1000)
  const handle = window.charge(50, 0)
  window.correct(handle, -50, 5000)
  expect(window.hasCapacity(100, 5000)).toBe(true)
  window.correct(handle, 30, 5000)
  expect(window.hasCapacity(71, 5000)).toBe(false)
  expect(window.readyAt(71, 5000)).toBe(6000)
})

test('a request for more tokens than numbers are exact for leaves the other counts correct', async () => {
  let time = 0
  const limits = memoryLimits({ now: () => time })
  const target = limitedTarget('huge', { tpm: 1000, timeout: 1 })
  const admit = async (tokens: number) => await limits.admit([target], admissionRequest({ tokens: () => tokens }))
  const huge = await admit(Number.MAX_VALUE)
  huge.lease.settle(100)
  const second = await admit(900)
  second.lease.settle(900)
  time = 59_000
  const client = new AbortController()
  const third = limits.admit([target], admissionRequest({ tokens: () => 1, signal: client.signal }))
  expect(third).toBeInstanceOf(Promise)
  client.abort()
  await expect(third).rejects.toThrow('the client left')
})

test('a million requests a day are counted in little memory', () => {
  const window = new SlidingWindow(1_000_000, 86_400_000)
  const before = process.memoryUsage().arrayBuffers
  let refused = 0
  for (let at = 0; at < 1_000_000; at++) {
    const now = at * 86.4
    if (window.hasCapacity(1, now)) window.charge(1, now)
    else refused++
  }
  expect(refused).toBe(0)
  expect(window.hasCapacity(1, 86_399_990)).toBe(false)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000)
})

test('in real time the rate holds, the queue moves and refusals come in time', async () => {
  const limits = memoryLimits()
  const target = limitedTarget('real', { qps: 10, timeout: 0.6 })
  const began = performance.now()
  // A timer that is due with the refusals: a busy machine delays both.
  const due = Bun.sleep(600).then(() => performance.now())
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, async () => limits.admit([target], admissionRequest())),
  )
  const passed = outcomes.filter(({ status }) => status === 'fulfilled').length
  expect(passed).toBe(10)
  const endedAt = performance.now()
  expect(endedAt - began).toBeGreaterThanOrEqual(590)
  expect(endedAt - (await due)).toBeLessThan(300)
  const refusal = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  expect((refusal.reason as GatewayError).message).toBe('limit qps 10 of service "real" is used up, next turn in 1 s')
})

test('in real time a window slides', async () => {
  const limits = memoryLimits()
  const target = limitedTarget('real', { qps: 5, timeout: 2 })
  const times: number[] = []
  const began = performance.now()
  // A timer that is due with the second window: a busy machine delays both.
  const due = Bun.sleep(1000).then(() => performance.now())
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      await limits.admit([target], admissionRequest())
      times.push(performance.now())
    }),
  )
  expect(times[5]! - began).toBeGreaterThanOrEqual(995)
  expect(times[5]! - (await due)).toBeLessThan(300)
})

test('ten thousand queued requests cost little each, whether they are served or cancelled', async () => {
  const clock = createClock()
  const limits = memoryLimits(clock)
  const targets = ['a', 'b', 'c'].map(id => limitedTarget(id, { concurrency: 1, timeout: 3600 }))
  let held = targets.map(target => request(limits, [target]))
  const client = new AbortController()
  const took = stopwatch()
  const queued = Array.from({ length: 9000 }, () => request(limits, targets))
  const leaving = Array.from({ length: 1000 }, () => request(limits, targets, { signal: client.signal }))
  expect(limits.waiting).toBe(10_000)
  client.abort()
  let served = 0
  while (limits.waiting > 0) {
    for (const { admission } of held) admission?.lease.settle()
    await flushPromises()
    held = queued.slice(served, served + held.length)
    served += held.length
  }
  expect(took()).toBeLessThan(2000)
  expect(queued.every(({ admission }) => admission)).toBe(true)
  expect(leaving.every(({ error }) => error?.code === 'cancelled')).toBe(true)
})

test('with many models behind a wildcard the counters in use are kept', async () => {
  const clock = createClock()
  const limits = memoryLimits(clock)
  const entry = entryOf('any', { limit: { rpm: 1, scope: 'model' } })
  const named = targetOf(entry, 0, 'kept')
  for (let at = 0; at < 20_000; at++) request(limits, [targetOf(entry, 0, `model-${at}`)])
  await clock.advance(60_001)
  request(limits, [named])
  for (let at = 0; at < 25_000; at++) request(limits, [targetOf(entry, 0, `other-${at}`)])
  expect(request(limits, [named]).waited).toBe(true)
  expect(request(limits, [targetOf(entry, 0, 'kept')]).waited).toBe(true)
})

const estimate = (protocol: string, body: JsonObject) => estimateTokens(clientProtocolOf(protocol).reader, body)

test('an estimate counts text, CJK characters and the maximum answer', () => {
  const text = (content: string) => ({ messages: [{ role: 'user', content }] })
  expect(estimate('openai-chat', { ...text('x'.repeat(400)), max_tokens: 7 })).toBe(107)
  expect(estimate('openai-chat', text(''))).toBe(500)
  expect(estimate('openai-chat', { ...text('你好，世界'), max_completion_tokens: 1, max_tokens: 900 })).toBe(6)
  expect(estimate('openai-chat', { ...text('한국어 こんにちは 𠮷'), max_tokens: 0 })).toBe(3 + 5 + 1 + 1)
  expect(estimate('openai-chat', { ...text('🎉🎉'), max_tokens: 0 })).toBe(2)
  expect(estimate('completions', { prompt: ['abcd', 'efgh'], max_tokens: 0 })).toBe(2)
  expect(estimate('completions', { prompt: [1, 2, 3], max_tokens: 0 })).toBe(3)
})

test('an estimate never counts base64 as text', () => {
  const data = `data:image/png;base64,${'A'.repeat(4_000_000)}`
  const parts = [
    { type: 'text', text: 'abcdabcd' },
    { type: 'image_url', image_url: { url: data } },
    { type: 'input_audio', input_audio: { data: 'A'.repeat(1_000_000), format: 'wav' } },
    { type: 'file', file: { file_data: data } },
    { type: 'image', source: { type: 'base64', data: 'A'.repeat(100_000) } },
  ]
  expect(estimate('openai-chat', { messages: [{ role: 'user', content: parts }], max_tokens: 10 })).toBe(4012)
  expect(estimate('embeddings', { input: [data, 'abcd'] })).toBe(1001)
})

test('an estimate counts tools as JSON, and adds an answer only if the request generates text', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
  const tokensOfTools = Math.ceil(JSON.stringify(tools).length / 4)
  expect(estimate('openai-chat', { messages: [], tools, max_tokens: 0 })).toBe(tokensOfTools)
  expect(estimate('embeddings', { model: 'text-embedding-3-small', input: ['abcd', 'abcd'] })).toBe(2)
  expect(estimate('embeddings', { input: [[1, 2, 3], [4]] })).toBe(4)
  expect(estimate('openai-responses', { input: 'abcd', instructions: 'abcd' })).toBe(502)
  expect(estimate('openai-responses', { input: [{ role: 'user', content: 'abcd' }] })).toBe(501)
  expect(estimate('openai-responses', { input: 'abcd' })).toBe(501)
  expect(estimate('completions', { prompt: 'abcd' })).toBe(501)
  const contents = [{ role: 'user', parts: [{ text: 'abcd' }] }]
  expect(estimate('gemini', { contents, generationConfig: { maxOutputTokens: 7 } })).toBe(8)
  expect(estimate('gemini', { contents, generation_config: { max_output_tokens: 7 } })).toBe(8)
  expect(estimate('gemini', { contents, generationConfig: {} })).toBe(501)
})

test('an estimate of a path that only a configuration names counts the fields that wires usually have', () => {
  expect(estimate('some/path', { messages: [{ role: 'user', content: 'abcd' }], max_tokens: 3 })).toBe(4)
  expect(estimate('some/path', { contents: [{ parts: [{ text: 'abcd' }, { inlineData: { data: 'AAAA' } }] }] })).toBe(
    1501,
  )
  expect(estimate('some/path', { input: 'abcd' })).toBe(1)
  expect(estimate('some/path', { input: [{ role: 'user', content: 'abcd' }] })).toBe(501)
})

test('an estimate of a large body takes little time', () => {
  const body = { messages: Array.from({ length: 1000 }, () => ({ role: 'user', content: 'lorem ipsum '.repeat(100) })) }
  const took = stopwatch()
  expect(estimate('openai-chat', body)).toBe(300_500)
  expect(took()).toBeLessThan(200)
})

test('a request that was admitted at once and comes back after a failure keeps its place before later ones', async () => {
  const clock = createClock()
  const limits = memoryLimits(clock)
  const target = limitedTarget('one', { concurrency: 1, timeout: 60 })
  const first = request(limits, [target])
  const later = request(limits, [target])
  const again = request(limits, [target], { arrival: first.admission!.arrival })
  first.admission!.lease.settle(1)
  await flushPromises()
  expect([again.admission !== undefined, later.admission !== undefined]).toEqual([true, false])
})

test('the time that a request has waited before counts towards its timeout', async () => {
  const clock = createClock()
  const limits = memoryLimits(clock)
  const target = limitedTarget('one', { concurrency: 1, timeout: 10 })
  request(limits, [target])
  const again = request(limits, [target], { waited: 7000 })
  await clock.advance(2999)
  expect(again.error).toBeUndefined()
  await clock.advance(1)
  expect(again.error?.code).toBe('limited')
})
