/** Seeded chaos: many mixed requests against vendors that fail at random. For the chaos test and for `npm run soak`. */
import { readFileSync } from 'node:fs'
import { seeded } from '../contracts/limits.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatChunks,
  disconnectAfter,
  hangUp,
  neverRespond,
  refuse,
  replyChat,
  replyEmpty,
  replyHtml,
  resetAfter,
  stallAfter,
} from '../support/upstream-scripts.ts'

const secret = 'sk-canary-chaos-0123456789'
/** Entries whose every slot must be free at the end, and the slots of each. */
const entryNames = ['one', 'two', 'three', 'four']
const slots = 20
/** Seconds that a request may take: the last attempt begins within `max_time` and has its own deadlines. */
const deadline = 20

type ChaosOptions = { seed: number; seconds: number; clients: number; onSample?: (sample: RssSample) => void }
export type RssSample = { second: number; megabytes: number; requests: number }

export type ChaosReport = {
  sent: number
  answered: number
  /** Requests without an end within their deadline. */
  hung: number
  /** Requests that have no record, or more than one. */
  wronglyRecorded: string[]
  /** Records of requests whose number nobody knows. */
  records: number
  /** Requests that the vendor got at once when all slots were asked for. */
  freeSlots: number
  allSlots: number
  /** Lines of the gateway that tell of a bug. */
  bugs: string[]
  /** Whether the key of a vendor was in any output. */
  leaksKey: boolean
  rss: RssSample[]
}

const error = (message: string) => ({ error: { message: `${message} (key ${secret})`, type: 'vendor' } })
/** Failures that pass soon. */
const passing: readonly Script[] = [
  neverRespond,
  hangUp,
  replyHtml(503),
  replyEmpty(200),
  refuse(500, error('Internal error.')),
  refuse(529, error('Overloaded.')),
  refuse(429, error('Rate limit reached.'), { 'retry-after': '1' }),
  disconnectAfter(1),
  disconnectAfter(3),
  resetAfter(2),
  stallAfter(1),
  stallAfter(3),
  (answer, request) =>
    replyChat([error('The model is overloaded.')], error('The model is overloaded.'))(answer, request),
  (answer, request) => replyChat(chatChunks([]), {})(answer, request),
]
/** Refusals that take a key or a model out for long. */
const lasting: readonly Script[] = [
  refuse(401, error('Incorrect API key provided.')),
  refuse(402, error('Insufficient balance.')),
  refuse(403, error('Forbidden.')),
  refuse(404, error('The model `m` does not exist.')),
]

type Shape = { path: (stream: boolean) => string; body: (stream: boolean) => object }
const messages = [{ role: 'user', content: 'Hi' }]
const shapes: readonly Shape[] = [
  { path: () => '/v1/chat/completions', body: stream => ({ model: 'm', stream, messages }) },
  { path: () => '/v1/messages', body: stream => ({ model: 'm', stream, max_tokens: 9, messages }) },
  { path: () => '/v1/responses', body: stream => ({ model: 'm', stream, input: 'Hi' }) },
  {
    path: stream => `/v1beta/models/m:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }),
  },
]

const start = async (random: () => number) => {
  const pick = (scripts: readonly Script[]): Script => scripts[Math.floor(random() * scripts.length)]!
  const state = { isHealthy: false }
  const vendor = await scriptedUpstream(async (answer, request) => {
    if (request.path.startsWith('/refusing')) return pick(lasting)(answer, request)
    if (!state.isHealthy && random() < 0.35) return pick(passing)(answer, request)
    await answer.wait(random() * 200)
    return replyChat()(answer, request)
  })
  const entry = (name: string, concurrency: number) => ({
    id: name,
    enabled: true,
    models: ['m', `m-${name}`],
    server_url: `${vendor.url}/${name}/v1`,
    credentials: { api_key: secret },
    limit: { concurrency, timeout: 4 },
  })
  const gateway = await startGateway({
    timeouts: { first_byte: 1, idle: 1 },
    retry: { attempts: 4, backoff: 0.05, max_time: 8 },
    circuit_breaker: { recovery_timeout_seconds: 0.5 },
    fallback: { m: ['m-one'] },
    learn: false,
    heartbeat: 1,
    services: { openai: [...entryNames.map(name => entry(name, slots)), entry('refusing', 5)] },
  })
  return { vendor, gateway, state }
}

type Tally = { sent: number; answered: number; hung: number; ids: string[]; leaksKey: boolean }

/** Sends one request; one of eight clients leaves early. */
const sendOne = async (gateway: Gateway, random: () => number, tally: Tally): Promise<void> => {
  const { path, body } = shapes[Math.floor(random() * shapes.length)]!
  const stream = random() < 0.6
  const leavesAfter = random() < 0.125 ? random() * 1500 : undefined
  const limit = AbortSignal.timeout(deadline * 1000)
  const signal = leavesAfter === undefined ? limit : AbortSignal.any([limit, AbortSignal.timeout(leavesAfter)])
  tally.sent++
  try {
    const answer = await fetch(gateway.url + path(stream), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify(body(stream)),
      signal,
      proxy: false,
    } as RequestInit)
    tally.ids.push(answer.headers.get('x-request-id')!)
    const text = await answer.text()
    if (answer.status === 200) tally.answered++
    if (text.includes(secret) || JSON.stringify([...answer.headers]).includes(secret)) tally.leaksKey = true
  } catch (thrown) {
    if (limit.aborted) tally.hung++
    else if (!signal.aborted) throw thrown
  }
}

/** Holds as many requests at the vendor as all slots allow. Returns how many arrive. */
const countFreeSlots = async ({ gateway, vendor }: { gateway: Gateway; vendor: Upstream }): Promise<number> => {
  const before = vendor.requests.length
  const gate = Promise.withResolvers<void>()
  vendor.setScript(async (answer, request) => {
    await answer.wait(gate.promise)
    await replyChat()(answer, request)
  })
  const requests = entryNames.flatMap(name =>
    Array.from({ length: slots }, () =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-no-fallback': '1' },
        body: JSON.stringify({ model: `m-${name}`, messages }),
        proxy: false,
      } as RequestInit).then(answer => answer.text()),
    ),
  )
  const until = performance.now() + 800
  while (vendor.requests.length - before < requests.length && performance.now() < until) await Bun.sleep(10)
  const arrived = vendor.requests.length - before
  gate.resolve()
  await Promise.all(requests)
  return arrived
}

/** Megabytes of resident memory; 0 where the system does not tell. */
const rssOf = (pid: number): number => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** One answer of each entry closes its breaker and ends its cooling. */
const recover = async ({ url }: Gateway): Promise<void> => {
  await Bun.sleep(2500)
  for (let turn = 0; turn < 3; turn++)
    for (const name of entryNames) {
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: `m-${name}`, messages }),
        proxy: false,
      } as RequestInit)
      await answer.text()
    }
}

/** Runs the clients for the given time, then lets the vendors recover and looks at what is left. */
export const runChaos = async ({ seed, seconds, clients, onSample }: ChaosOptions): Promise<ChaosReport> => {
  const random = seeded(seed)
  const running = await start(random)
  const { gateway, vendor, state } = running
  const tally: Tally = { sent: 0, answered: 0, hung: 0, ids: [], leaksKey: false }
  const startedAt = performance.now()
  const banner = gateway.stderr().length
  const rss: RssSample[] = []
  const secondsSince = () => (performance.now() - startedAt) / 1000
  const sampler = setInterval(
    () => {
      const sample = { second: Math.round(secondsSince()), megabytes: rssOf(gateway.pid), requests: tally.sent }
      rss.push(sample)
      onSample?.(sample)
      // The vendor keeps every request that it received.
      vendor.requests.length = 0
    },
    Math.max(1000, (seconds * 1000) / 40),
  )
  try {
    const client = async () => {
      while (secondsSince() < seconds) await sendOne(gateway, random, tally)
    }
    await Promise.all(Array.from({ length: clients }, client))
    clearInterval(sampler)
    state.isHealthy = true
    await recover(gateway)
    const freeSlots = await countFreeSlots(running)
    const { stdout, stderr } = await gateway.stop()
    const records = stdout.split('\n').filter(line => line.includes('"message":"request"'))
    const counts = Map.groupBy(records, line => /"id":"(req_\w+)"/.exec(line)?.[1] ?? '')
    return {
      ...tally,
      wronglyRecorded: tally.ids.filter(id => counts.get(id)?.length !== 1),
      records: counts.size === records.length ? records.length : -1,
      freeSlots,
      allSlots: entryNames.length * slots,
      bugs: [...stderr.slice(banner).split('\n'), ...records.filter(line => line.includes('"code":"internal"'))].filter(
        Boolean,
      ),
      leaksKey: tally.leaksKey || stdout.includes(secret) || stderr.includes(secret),
      rss,
    }
  } finally {
    clearInterval(sampler)
    await gateway.stop()
    await vendor.close()
  }
}
