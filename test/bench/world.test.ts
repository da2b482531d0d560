/** Tests the benchmark's worlds on a simulated clock: the vendors, what they allow, and how answers are judged. */
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { translateSample } from '../../bench/in-process.ts'
import { removeWorkFolder } from '../../bench/processes.ts'
import { arrivalsOf } from '../../bench/world/arrivals.ts'
import { type AskResult, ask } from '../../bench/world/ask.ts'
import { type ClientProtocol, clientProtocols, clientScripts } from '../../bench/world/client-protocols.ts'
import { failsWell, figuresOf, idealFigures, judge, percentile } from '../../bench/world/figures.ts'
import { configFor, vendorsOf } from '../../bench/world/gateway.ts'
import { readWorldOptions } from '../../bench/world/main.ts'
import type { VendorCall } from '../../bench/world/play-vendors.ts'
import { playVendors } from '../../bench/world/play-vendors.ts'
import { groqHeaders, overWithRetryAfter } from '../../bench/world/refusals.ts'
import { answerTo, cut, empty, errorReply, hang, reset } from '../../bench/world/reply.ts'
import { createVendor, type VendorScript } from '../../bench/world/vendor.ts'
import { type World, worlds, worldsNamed } from '../../bench/world/worlds.ts'
import { loadText } from '../../src/config/load.ts'
import { type Script, scriptedUpstream } from '../support/scripted-upstream.ts'
import { chatBody, chatChunks, neverRespond, refuse, replyJson, replySse } from '../support/upstream-scripts.ts'

afterAll(removeWorkFolder)

const request = { nonce: 'n1', model: 'world', isStream: true }
const refusal = overWithRetryAfter[0]
const vendorWith = (script: Partial<VendorScript>) => createVendor({ name: 'v', keys: 1, ...script }, 1)
const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const answering = Object.values(worlds).filter(({ failure }) => !failure)

describe('a vendor on a simulated clock', () => {
  test('a key is refused above its requests a minute, and told when it may come again', () => {
    const vendor = vendorWith({ keys: 2, limit: { rpm: 2, refusal } })
    const statusAt = (now: number, key: number) => vendor.receive(now, key, request).reply
    expect([statusAt(0, 0), statusAt(10, 0)].map(({ verdict }) => verdict)).toEqual(['answered', 'answered'])
    expect(statusAt(20, 0)).toMatchObject({
      verdict: 'refused',
      head: { status: 429, headers: { 'retry-after': '40' } },
    })
    expect(statusAt(20, 1).verdict).toBe('answered')
    expect(statusAt(60, 0).verdict).toBe('answered')
    expect(statusAt(61, 0).verdict).toBe('refused')
  })

  test('the headers of an answer tell what is left of the limit, and when all of it is free again', () => {
    const vendor = vendorWith({ limit: { rpm: 15, refusal }, limitHeaders: groqHeaders })
    vendor.receive(0, 0, request)
    expect(vendor.receive(40, 0, request).reply.head!.headers).toMatchObject({
      'x-ratelimit-limit-requests': '15',
      'x-ratelimit-remaining-requests': '13',
      'x-ratelimit-reset-requests': '60.00s',
    })
  })

  test('a call above the number at once is refused until another ends', () => {
    const vendor = vendorWith({ limit: { atOnce: 2, refusal } })
    const first = vendor.receive(0, 0, request)
    vendor.receive(0, 0, request)
    expect(vendor.receive(1, 0, request).reply.verdict).toBe('refused')
    first.end()
    expect(vendor.receive(1, 0, request).reply.verdict).toBe('answered')
  })

  test('every call after the allowance is refused', () => {
    const vendor = vendorWith({ allowance: { total: 1, refusal } })
    const verdicts = [0, 1, 5000].map(now => vendor.receive(now, 0, request).reply.verdict)
    expect(verdicts).toEqual(['answered', 'refused', 'refused'])
  })

  test('a phase replies to every call between its seconds, and a dead key is refused always', () => {
    const page = errorReply('page', 503, '<html></html>')
    const vendor = vendorWith({
      keys: 2,
      deadKeys: { numbers: [1], reply: errorReply('dead', 401, {}) },
      phases: [{ from: 20, until: 55, reply: page }],
    })
    const verdictAt = (now: number, key = 0) => vendor.receive(now, key, request).reply.verdict
    expect([19, 20, 54, 55].map(now => verdictAt(now))).toEqual(['answered', 'broken', 'broken', 'answered'])
    expect(verdictAt(60, 1)).toBe('refused')
    expect(vendor.outlook(54, 0)).toEqual({ rate: 0, left: 0 })
  })

  test('faults take their shares of the calls', () => {
    const vendor = vendorWith({
      faults: [
        { share: 0.25, reply: hang },
        { share: 0.1, reply: cut },
      ],
    })
    const causes = Array.from({ length: 4000 }, (_, at) => vendor.receive(at, 0, request).reply.cause)
    const shareOf = (cause: string) => causes.filter(other => other === cause).length / causes.length
    expect(shareOf('hang')).toBeCloseTo(0.25, 1)
    expect(shareOf('cut')).toBeCloseTo(0.1, 1)
    expect(shareOf('answered')).toBeCloseTo(0.65, 1)
  })
})

describe('a world', () => {
  test('its seed determines the arrivals', () => {
    const world = worlds['standard']!
    const arrivals = arrivalsOf(world, 7)
    expect(arrivals).toEqual(arrivalsOf(world, 7))
    expect(arrivals).not.toEqual(arrivalsOf(world, 8))
    expect(arrivals).toHaveLength(300)
    expect(arrivals.filter(({ isStream }) => isStream)).toHaveLength(200)
    expect(arrivals.every(({ at }, index) => at >= (arrivals[index - 1]?.at ?? 0) && at < 120)).toBe(true)
  })

  test.each(answering.map(world => [world.name, world] as const))(
    '%s: its vendors can answer every request in time, if their state is known',
    (_, world) => {
      const { answered, p95, broken } = idealFigures(world, seeds)
      expect(answered).toBe(1)
      expect(p95!).toBeLessThan(1.5)
      if (typeof world.aims.broken === 'number') expect(broken!).toBeLessThan(world.aims.broken)
    },
  )

  test.each(Object.values(worlds).map(world => [world.name, world] as const))(
    '%s: the gateway accepts its configuration',
    (_, world) => {
      const scripts = world.vendors(1)
      const urls = Object.fromEntries(scripts.map(({ name }) => [name, 'http://127.0.0.1:1']))
      const input = {
        vendors: vendorsOf(scripts, urls),
        model: 'world',
        port: 9090,
        folder: '',
        settings: world.settings ?? {},
      }
      const { problems } = loadText(JSON.stringify(configFor(input)), {})
      expect(problems.filter(({ level }) => level === 'error')).toEqual([])
    },
  )

  test('only limits that the operator wrote down are configured', () => {
    const limits = vendorsOf(worlds['standard']!.vendors(1), {}).map(({ name, rpm }) => [name, rpm])
    expect(Object.fromEntries(limits)).toEqual({
      steady: 30,
      outage: 40,
      deadkey: 40,
      narrow: undefined,
      overload: 40,
      daily: undefined,
      flaky: 60,
      hanging: 40,
      learned: undefined,
      gone: 60,
    })
  })
})

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const arrival = { at: 0, nonce: 'n1', isStream: true }
const askScript = async (script: Script, isStream = true, patience = 5): Promise<AskResult> => {
  const upstream = await scriptedUpstream(script)
  closing.push(upstream.close)
  return ask({
    url: upstream.url,
    model: 'world',
    protocol: 'openai-chat',
    arrival: { ...arrival, isStream },
    patience,
  })
}
const right = answerTo('n1')

describe('an answer', () => {
  test.each([
    ['a whole right stream', replySse(chatChunks(right.split(/(?<= )/))), true],
    ['a right answer that is no stream', replyJson(chatBody(right)), false],
  ])('%s counts as answered', async (_, script, isStream) => {
    const { isAnswered, begin, total } = await askScript(script, isStream)
    expect(isAnswered).toBe(true)
    expect(begin!).toBeLessThanOrEqual(total)
  })

  test.each([
    ['of another request', replySse(chatChunks([answerTo('n2')])), 'a wrong answer'],
    ['twice', replySse(chatChunks([right, right])), 'a wrong answer'],
    ['empty', replySse(chatChunks([])), 'an empty answer'],
    ['without its end', replySse(chatChunks([right]), { done: false }), 'without its end'],
    ['with an error in the stream', replySse([{ error: { message: 'overloaded' } }]), 'overloaded'],
    ['with a status', refuse(503, { error: { message: 'later' } }, { 'retry-after': '3' }), 'status 503: {"error"'],
  ])('%s counts as unanswered, with the reason', async (_, script, reason) => {
    const result = await askScript(script)
    expect(result.isAnswered).toBe(false)
    expect(result.reason).toMatch(reason)
    expect(result.retryAfter).toBe(result.status === 503 ? 3 : undefined)
  })

  test('a client leaves an answer that does not come', async () =>
    expect((await askScript(neverRespond, true, 0.05)).reason).toBe('no answer within 0.05 s'))

  const finished: Record<string, unknown> = {
    'openai-chat': chatBody('a b'),
    anthropic: { content: [{ type: 'text', text: 'a b' }], stop_reason: 'end_turn' },
    'openai-responses': {
      status: 'completed',
      error: null,
      output: [{ content: [{ type: 'output_text', text: 'a b' }] }],
    },
    gemini: { candidates: [{ content: { parts: [{ text: 'a ' }, { text: 'b' }] }, finishReason: 'STOP' }] },
  }
  test.each(clientProtocols.map(name => [name]))('%s: a whole answer is read', name =>
    expect(clientScripts[name].readWhole(finished[name])).toEqual({ text: 'a b', end: true }),
  )

  const textOf = (name: ClientProtocol, frames: readonly string[]) => {
    const read = frames.map(data => clientScripts[name].readFrame(data))
    return { text: read.map(({ text }) => text ?? '').join(''), ends: read.filter(({ end }) => end).length }
  }
  test.each([
    ['anthropic', 'openai-chat'],
    ['gemini', 'openai-chat'],
    ['openai-chat', 'anthropic'],
  ] as const)('%s: the frames of a translated stream are read', (client, vendor) => {
    const frames = [...translateSample(client, vendor).matchAll(/^data: (.*?)\r?$/gm)].map(([, data]) => data!)
    const { text, ends } = textOf(client, frames)
    expect(text).toContain('The quick brown fox')
    expect(ends).toBe(1)
  })

  test('openai-responses: the frames of a stream are read, and its errors', () => {
    const frames = [
      { type: 'response.created' },
      { type: 'response.output_text.delta', delta: 'a ' },
      { type: 'response.function_call_arguments.delta', delta: 'x' },
      { type: 'response.output_text.delta', delta: 'b' },
      { type: 'response.completed' },
    ].map(frame => JSON.stringify(frame))
    expect(textOf('openai-responses', frames)).toEqual({ text: 'a b', ends: 1 })
    const failed = JSON.stringify({ type: 'response.failed', response: { error: { code: 'server_error' } } })
    expect(clientScripts['openai-responses'].readFrame(failed).error).toContain('server_error')
  })
})

describe('the vendors over HTTP', () => {
  const playedWorld = (script: VendorScript, isUnreachable = false): World => ({
    ...worlds['standard']!,
    vendors: () => [script],
    ...(isUnreachable && { isUnreachable }),
  })
  const play = async (script: Partial<VendorScript>): Promise<{ url: string; calls: VendorCall[] }> => {
    const played = await playVendors(playedWorld({ name: 'v', keys: 1, ...script }), 1, () => 1)
    closing.push(played.close)
    return { url: played.urls['v']!, calls: played.calls }
  }
  const callVendor = (url: string, isStream: boolean, signal?: AbortSignal) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-world-v-0' },
      body: JSON.stringify({ model: 'world', stream: isStream, messages: [{ role: 'user', content: 'x nonce:n1' }] }),
      ...(signal && { signal }),
    })

  test('a call that is answered carries the right text', async () => {
    const { url, calls } = await play({})
    const body = (await (await callVendor(url, false)).json()) as { choices: { message: { content: string } }[] }
    expect(body.choices[0]!.message.content).toBe(right)
    expect(calls).toEqual([{ vendor: 'v', key: 0, at: 1, nonce: 'n1', verdict: 'answered', cause: 'answered' }])
  })

  test.each([
    ['reset', reset],
    ['cut', cut],
  ])('the fault %s breaks a whole answer off', async (cause, reply) => {
    const { url, calls } = await play({ faults: [{ share: 1, reply }] })
    await expect(callVendor(url, false).then(response => response.json())).rejects.toThrow()
    expect(calls).toMatchObject([{ verdict: 'broken', cause }])
  })

  test('the fault empty is a well-formed stream without content', async () => {
    const { url } = await play({ faults: [{ share: 1, reply: empty }] })
    const text = await (await callVendor(url, true)).text()
    expect(text).toContain('"finish_reason":"stop"')
    expect(text).toEndWith('data: [DONE]\n\n')
    expect(text).not.toMatch(/"content":"[^"]/)
  })

  test('a usable answer that the gateway leaves counts as cancelled, a hang as broken', async () => {
    for (const [script, verdict] of [
      [{}, 'cancelled'],
      [{ faults: [{ share: 1, reply: hang }] }, 'broken'],
    ] as const) {
      const { url, calls } = await play(script)
      await expect(callVendor(url, true, AbortSignal.timeout(60))).rejects.toThrow()
      while (calls[0]?.verdict === 'answered') await Bun.sleep(5)
      expect(calls).toMatchObject([{ verdict }])
    }
  })
})

describe('the judgement', () => {
  const world = worlds['standard']!
  const result = (at: number, overrides: Partial<AskResult> = {}): AskResult => ({
    arrival: { at, nonce: 'n', isStream: true },
    isAnswered: true,
    begin: 1,
    total: 2,
    ...overrides,
  })
  const call = (at: number, verdict: VendorCall['verdict']): VendorCall => ({
    vendor: 'v',
    key: 0,
    at,
    nonce: 'n',
    verdict,
    cause: '',
  })

  test('refused and broken calls count after the first minute only, cancelled ones always', () => {
    const calls = [call(10, 'broken'), call(70, 'broken'), call(80, 'refused'), call(5, 'cancelled')]
    const results = [result(10), result(70), result(90, { isAnswered: false }), result(100), result(110)]
    const figures = figuresOf(world, [{ seed: 1, results, calls, lag: 3 }])
    expect(figures).toMatchObject({ requests: 5, answered: 0.8, refused: 0.25, broken: 0.25, cancelled: 0.2, lag: 3 })
    const missed = judge(world, figures, {}).filter(({ isReached }) => !isReached)
    expect(missed.map(({ label }) => label)).toEqual(['answered', 'refused', 'broken', 'cancelled'])
  })

  test('a run of less than a minute is not judged by its refused and broken calls', () => {
    const figures = figuresOf(world, [{ seed: 1, results: [result(1)], calls: [call(1, 'broken')], lag: 0 }])
    const unjudged = judge(world, figures, {}).filter(({ isReached }) => isReached === undefined)
    expect(unjudged.map(({ label }) => label)).toEqual(['refused', 'broken'])
  })

  test('in another world broken calls may be twice those of a chooser that knows everything', () => {
    const other = worlds['rough']!
    const figures = { ...figuresOf(other, [{ seed: 1, results: [result(1)], calls: [], lag: 0 }]), broken: 0.3 }
    const isReached = (broken: number) =>
      judge(other, figures, { broken }).find(({ label }) => label === 'broken')?.isReached
    expect([isReached(0.2), isReached(0.1)]).toEqual([true, false])
  })

  test('where no vendor can answer, a request has to fail in time with one of the statuses and a Retry-After', () => {
    const refusing = worlds['refusing']!
    const failed = result(1, { isAnswered: false, status: 429, retryAfter: 280, total: 5, reason: 'status 429' })
    expect(failsWell(refusing, failed)).toBe(true)
    expect(failsWell(refusing, { ...failed, total: 30 })).toBe(false)
    expect(failsWell(refusing, { ...failed, status: 500 })).toBe(false)
    expect(failsWell(refusing, { ...failed, retryAfter: 0 })).toBe(false)
    expect(failsWell(refusing, { ...failed, retryAfter: 400 })).toBe(false)
    expect(failsWell(refusing, { ...failed, status: 200, reason: 'error inside the answer: …' })).toBe(true)
    expect(failsWell(refusing, result(1))).toBe(false)
  })

  test('a percentile is the smallest value that the share does not exceed', () => {
    expect([0.5, 0.95, 1].map(share => percentile([4, 1, 3, 2], share))).toEqual([2, 4, 4])
    expect(percentile([], 0.5)).toBeUndefined()
  })
})

describe('the command line', () => {
  test('options are read, and the seeds follow the first', () => {
    const options = readWorldOptions(['--world', 'rough', '--seed', '5', '--seeds', '2', '--client-protocol', 'all'])
    expect(options).toMatchObject({ worlds: [worlds['rough']!], seeds: [5, 6], protocol: 'all' })
    expect(readWorldOptions(['--help'])).toBeUndefined()
    expect(worldsNamed('other')).not.toContain(worlds['standard']!)
  })

  test.each([
    [['--world', 'none'], 'no world is called none'],
    [['--clock', 'simulated'], '--clock simulated'],
    [['--seeds', '0'], '--seeds 0'],
    [['--client-protocol', 'soap'], '--client-protocol soap'],
  ])('%p is refused', (args, message) => expect(() => readWorldOptions(args)).toThrow(message))
})

const runBench = async (args: string[]): Promise<string> => {
  const file = join(import.meta.dir, '../../bench/run.ts')
  const child = Bun.spawn([process.execPath, file, 'world', ...args], { stdout: 'pipe', stderr: 'pipe' })
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect(errors).toBe('')
  expect([0, 1]).toContain(await child.exited)
  return output
}

test('a short world runs end to end, in all client protocols', async () => {
  const output = await runBench('--world exhausted --seeds 1 --seconds 4 --client-protocol all'.split(' '))
  expect(output).toContain('| **pooled** | 6 | 0.00 % |')
  expect(output).toMatch(/(?:used up|dead key) [1-9]/)
}, 60_000)

/** Another gateway in a few lines: it passes everything to the first vendor. */
const foreignGateway = `
const [port, vendor, key] = process.argv.slice(-3)
Bun.serve({ port, hostname: '127.0.0.1', fetch: async request => {
  const { pathname } = new URL(request.url)
  if (pathname === '/up') return new Response('up')
  const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + key }
  return fetch(vendor + pathname, { method: 'POST', headers, body: await request.text() })
} })`
const foreignWriter = `
export default ({ vendors, port, folder }) => {
  require('node:fs').writeFileSync(folder + '/gateway.ts', ${JSON.stringify(foreignGateway)})
  const [{ url, keys }] = vendors
  return { command: [process.execPath, folder + '/gateway.ts', String(port), url, keys[0]], healthPath: '/up' }
}`

test('another gateway runs by a module that configures it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'world-test-'))
  const writer = join(folder, 'writer.ts')
  await writeFile(writer, foreignWriter)
  const output = await runBench(['--world', 'rough', '--seeds', '1', '--seconds', '2', '--writer', writer])
  expect(output).toContain('| **pooled** | 4 | 100.00 % |')
  await rm(folder, { recursive: true })
}, 60_000)
