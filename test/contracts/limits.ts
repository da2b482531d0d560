/** The contract of every `Limits` implementation, with a clock that the test moves. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { Admission, AdmissionRequest, Limits } from '../../src/limits/limits.ts'
import type { Timer } from '../../src/limits/queue.ts'
import type { Credential, Entry, Limit, Target } from '../../src/providers/entry.ts'
import { defaultEntry } from '../support/default-entry.ts'

/** A clock with timers that only moves when the test advances it. */
export type Clock = {
  now: () => number
  timer: Timer
  advance: (milliseconds: number) => Promise<void>
  timers: () => number
}

export const createClock = (): Clock => {
  let time = 1000
  const timers = new Set<{ at: number; run: () => void }>()
  const timer: Timer = (run, milliseconds) => {
    const one = { at: time + milliseconds, run }
    timers.add(one)
    return () => timers.delete(one)
  }
  const advance = async (milliseconds: number) => {
    const end = time + milliseconds
    for (;;) {
      const next = [...timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
      if (!next) break
      time = Math.max(time, next.at)
      timers.delete(next)
      next.run()
      await flushPromises()
    }
    time = end
    await flushPromises()
  }
  return { now: () => time, timer, advance, timers: () => timers.size }
}

/** Runs all promise callbacks that are due. */
export const flushPromises = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve()
}

export const credential = (index: number, limit?: Limit): Credential => ({
  index,
  values: { api_key: `key-${index}` },
  digest: `digest${index}`,
  ...(limit ? { limit } : {}),
})

export const entryOf = (id: string, changes: Partial<Entry> = {}): Entry =>
  defaultEntry('openai', { id, credentials: [credential(0)], ...changes })

export const targetOf = (entry: Entry, index = 0, model = 'model'): Target => {
  const used = entry.credentials[index]!
  return { id: `${entry.id}/${used.digest}/${model}`, entry, credential: used, model }
}

export const limitedTarget = (id: string, limit: Limit): Target => targetOf(entryOf(id, { limit }))

export const admissionRequest = (changes: Partial<AdmissionRequest> = {}): AdmissionRequest => {
  const { signal = new AbortController().signal } = changes
  return { tokens: () => 10, embedding: false, isClientGone: signal.aborted, signal, ...changes }
}

type Outcome = { admission?: Admission; error?: GatewayError; waited: boolean }

/** Requests admission and records the outcome. */
export const request = (limits: Limits, targets: Target[], changes: Partial<AdmissionRequest> = {}): Outcome => {
  const outcome: Outcome = { waited: false }
  try {
    const result = limits.admit(targets, admissionRequest(changes))
    if (!(result instanceof Promise)) return { admission: result, waited: false }
    outcome.waited = true
    result.then(
      admission => {
        outcome.admission = admission
      },
      error => {
        outcome.error = error
      },
    )
  } catch (error) {
    if (error instanceof GatewayError) outcome.error = error
    else throw error
  }
  return outcome
}

export const settle = ({ admission }: Outcome, tokens?: number): void => admission?.lease.settle(tokens)

/** A seeded generator of numbers, uniformly distributed in [0, 1). */
export const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** The number of requests that are admitted in `windows` windows of `span` while more are always queued. */
const saturate = async (
  limits: Limits,
  clock: Clock,
  target: Target,
  span: number,
  windows: number,
): Promise<number> => {
  let admitted = 0
  const next = async (): Promise<never> => {
    for (;;) {
      const admission = await limits.admit([target], admissionRequest())
      admitted++
      admission.lease.settle()
    }
  }
  for (let at = 0; at < 20; at++) next()
  for (let step = 0; step < windows * 20; step++) await clock.advance(step === 0 ? span / 20 - 1 : span / 20)
  return admitted
}

export const limitsContract = (name: string, make: (clock: Clock) => Limits): void => {
  const setup = () => {
    const clock = createClock()
    return { clock, limits: make(clock) }
  }

  describe(`limits: ${name}`, () => {
    test('targets without limits are admitted at once, with one shared lease', () => {
      const { limits } = setup()
      const one = request(limits, [limitedTarget('free', {})])
      const other = request(limits, [limitedTarget('other', { timeout: 5, qps: 0 })])
      expect(one.waited).toBe(false)
      expect(one.admission?.lease).toBe(other.admission!.lease)
    })

    const kinds: [keyof Limit, Limit, number, number][] = [
      ['qps', { qps: 3 }, 3, 1000],
      ['qps', { qps: 2.5 }, 2, 800],
      ['qps', { qps: 0.5 }, 1, 2000],
      ['qpm', { qpm: 4 }, 4, 60_000],
      ['rpm', { rpm: 15 }, 15, 60_000],
      ['rpd', { rpd: 5, timeout: 90_000 }, 5, 86_400_000],
      ['tpm', { tpm: 25 }, 2, 60_000],
    ]
    test.each(kinds)(
      '%s %j admits its number in a window, and the next request when the first leaves the window',
      async (kind, limit, count, span) => {
        const { clock, limits } = setup()
        const target = limitedTarget('one', { timeout: 100_000, ...limit })
        for (let at = 0; at < count; at++) expect(request(limits, [target]).waited).toBe(false)
        const next = request(limits, [target])
        expect(next.waited).toBe(true)
        await clock.advance(span - 1)
        expect(next.admission).toBeUndefined()
        await clock.advance(2)
        expect(next.admission?.target).toBe(target)
        expect(kind in target.entry.limit).toBe(true)
      },
    )

    test('a concurrency slot is held until its lease is settled, which counts once', async () => {
      const { limits } = setup()
      const target = limitedTarget('one', { concurrency: 2 })
      const first = request(limits, [target])
      request(limits, [target])
      const third = request(limits, [target])
      const fourth = request(limits, [target])
      expect([third.waited, fourth.waited]).toEqual([true, true])
      settle(first)
      settle(first)
      await flushPromises()
      expect(third.admission).toBeDefined()
      expect(fourth.admission).toBeUndefined()
      settle(third)
      await flushPromises()
      expect(fourth.admission).toBeDefined()
    })

    test('all limits apply together, and none is charged if one is exhausted', async () => {
      const { clock, limits } = setup()
      const target = limitedTarget('one', { concurrency: 1, rpm: 2, timeout: 1 })
      const first = request(limits, [target])
      const refused = request(limits, [target])
      await clock.advance(1001)
      expect(refused.error?.code).toBe('limited')
      expect(refused.error?.message).toBe(
        'limit concurrency 1 of service "one" is used up, next turn when a request ends',
      )
      expect(refused.error?.detail.retryAfter).toBe(1)
      settle(first)
      // The refused request charged nothing in the minute's window: a second request still fits, a third does not.
      const second = request(limits, [target])
      expect(second.waited).toBe(false)
      settle(second)
      expect(request(limits, [target]).waited).toBe(true)
    })

    test.each([
      ['rpm 10', { rpm: 10 }, 60_000, 100],
      ['qps 7', { qps: 7 }, 1000, 70],
      ['qps 0.5', { qps: 0.5 }, 2000, 10],
      ['tpm 1000', { tpm: 1000 }, 60_000, 1000],
    ] as [string, Limit, number, number][])(
      '%s admits its rate over ten windows, ±1 %%',
      async (_, limit, span, due) => {
        const { clock, limits } = setup()
        const admitted = await saturate(limits, clock, limitedTarget('one', { ...limit, timeout: 1e6 }), span, 10)
        expect(Math.abs(admitted - due) / due).toBeLessThanOrEqual(0.01)
      },
    )

    test('requests of one target are served in the order of arrival', async () => {
      const { limits } = setup()
      const target = limitedTarget('one', { concurrency: 1 })
      let held = request(limits, [target])
      const queue = Array.from({ length: 20 }, () => request(limits, [target]))
      for (const waiting of queue) {
        expect(queue.filter(({ admission }) => admission).length).toBe(queue.indexOf(waiting))
        settle(held)
        await flushPromises()
        expect(waiting.admission).toBeDefined()
        held = waiting
      }
      expect(limits.waiting).toBe(0)
    })

    test('a new request does not overtake a larger one that waits for the same counter', async () => {
      const { clock, limits } = setup()
      const entry = entryOf('one', { limit: { tpm: 100 } })
      request(limits, [targetOf(entry, 0, 'a')], { tokens: () => 60 })
      const large = request(limits, [targetOf(entry, 0, 'a')], { tokens: () => 90 })
      const small = request(limits, [targetOf(entry, 0, 'b')], { tokens: () => 5 })
      expect([large.waited, small.waited]).toEqual([true, true])
      await clock.advance(60_001)
      expect([large.admission, small.admission].every(Boolean)).toBe(true)
    })

    test('a new request does not overtake at a counter that two credentials share, when some capacity returns', async () => {
      const { clock, limits } = setup()
      const keys = [credential(0, { rpm: 100 }), credential(1, { rpm: 100 })]
      const [one, other] = [0, 1].map(at => targetOf(entryOf('one', { limit: { tpm: 100 }, credentials: keys }), at))
      request(limits, [one!], { tokens: () => 50 })
      const held = request(limits, [one!], { tokens: () => 40 })
      const large = request(limits, [one!], { tokens: () => 90 })
      const small = request(limits, [other!], { tokens: () => 5 })
      expect([large.waited, small.waited]).toEqual([true, true])
      settle(held, 0)
      await flushPromises()
      expect([large.admission, small.admission]).toEqual([undefined, undefined])
      await clock.advance(60_001)
      expect([large.admission?.target, small.admission?.target]).toEqual([one, other])
    })

    test('a request that waits for its credential does not block another credential of the same service', async () => {
      const { limits } = setup()
      const entry = entryOf('one', {
        credentials: [credential(0, { concurrency: 1 }), credential(1)],
        limit: { concurrency: 10 },
      })
      request(limits, [targetOf(entry, 0)])
      expect(request(limits, [targetOf(entry, 0)]).waited).toBe(true)
      expect(request(limits, [targetOf(entry, 1)]).waited).toBe(false)
    })

    test('a target with capacity is used before a request waits', () => {
      const { limits } = setup()
      const full = limitedTarget('full', { rpm: 1 })
      const available = limitedTarget('spare', { rpm: 1 })
      expect(request(limits, [full, available]).admission?.target).toBe(full)
      expect(request(limits, [full, available]).admission?.target).toBe(available)
      expect(request(limits, [full, limitedTarget('free', {})]).admission?.target.entry.id).toBe('free')
    })

    test('a request that waits for several targets is served by the first with capacity, and leaves the other queues', async () => {
      const { clock, limits } = setup()
      const slow = limitedTarget('slow', { rpm: 1 })
      const fast = limitedTarget('fast', { qps: 1 })
      request(limits, [slow])
      request(limits, [fast])
      const waiting = request(limits, [slow, fast])
      await clock.advance(1001)
      expect(waiting.admission?.target).toBe(fast)
      expect(limits.waiting).toBe(0)
      await clock.advance(60_000)
      expect(request(limits, [slow]).waited).toBe(false)
    })

    test('when several targets get capacity at once, the order of the plan decides', async () => {
      const { clock, limits } = setup()
      const cheap = limitedTarget('cheap', { qps: 1 })
      const dear = limitedTarget('dear', { qps: 1 })
      request(limits, [dear])
      request(limits, [cheap])
      const waiting = request(limits, [cheap, dear])
      await clock.advance(5000)
      expect(waiting.admission?.target).toBe(cheap)
    })

    test('a later request is served by another target while an earlier one still waits', async () => {
      const { limits } = setup()
      const [one, two] = [limitedTarget('one', { concurrency: 1 }), limitedTarget('two', { concurrency: 1 })]
      request(limits, [one])
      const held = request(limits, [two])
      const early = request(limits, [one])
      const late = request(limits, [one, two])
      settle(held)
      await flushPromises()
      expect(late.admission?.target).toBe(two)
      expect(early.admission).toBeUndefined()
    })

    test('a cancelled request leaves the queue at once', async () => {
      const { clock, limits } = setup()
      const target = limitedTarget('one', { concurrency: 1 })
      const held = request(limits, [target])
      const client = new AbortController()
      const leaving = request(limits, [target], { signal: client.signal })
      const next = request(limits, [target])
      expect(limits.waiting).toBe(2)
      client.abort()
      await flushPromises()
      expect(leaving.error?.code).toBe('cancelled')
      expect(limits.waiting).toBe(1)
      settle(held)
      await flushPromises()
      expect(next.admission).toBeDefined()
      settle(next)
      await clock.advance(200_000)
      expect(clock.timers()).toBe(0)
    })

    test('a cancelled request releases those it held back', async () => {
      const { limits } = setup()
      const target = limitedTarget('one', { tpm: 100 })
      request(limits, [target], { tokens: () => 60 })
      const client = new AbortController()
      request(limits, [target], { tokens: () => 90, signal: client.signal })
      const small = request(limits, [target], { tokens: () => 30 })
      expect(small.waited).toBe(true)
      client.abort()
      await flushPromises()
      expect(small.admission).toBeDefined()
    })

    test('a request whose client is gone already is not admitted', () => {
      const { limits } = setup()
      expect(request(limits, [limitedTarget('free', {})], { signal: AbortSignal.abort() }).error?.code).toBe(
        'cancelled',
      )
    })

    test('a request whose wait is over is refused with the limit and the retry time', async () => {
      const { clock, limits } = setup()
      const target = limitedTarget('gemini-1', { rpm: 1, timeout: 48 })
      request(limits, [target])
      const refused = request(limits, [target])
      await clock.advance(47_999)
      expect(refused.error).toBeUndefined()
      await clock.advance(2)
      expect(refused.error?.code).toBe('limited')
      expect(refused.error?.status).toBe(429)
      expect(refused.error?.message).toBe('limit rpm 1 of service "gemini-1" is used up, next turn in 12 s')
      expect(refused.error?.detail.retryAfter).toBe(12)
      expect(limits.waiting).toBe(0)
    })

    test('the longest timeout of the targets applies, and the refusal names the target that is ready soonest', async () => {
      const { clock, limits } = setup()
      const targets = [
        limitedTarget('long', { qps: 0.001, timeout: 5 }),
        limitedTarget('soon', { qps: 0.005, timeout: 3 }),
      ]
      for (const target of targets) request(limits, [target])
      const refused = request(limits, targets)
      await clock.advance(4999)
      expect(refused.error).toBeUndefined()
      await clock.advance(2)
      expect(refused.error?.message).toBe('limit qps 0.005 of service "soon" is used up, next turn in 195 s')
    })

    test('a request waits 120 s if the timeout is missing or 0', async () => {
      const { clock, limits } = setup()
      const targets = [limitedTarget('none', { concurrency: 1 }), limitedTarget('zero', { concurrency: 1, timeout: 0 })]
      for (const target of targets) request(limits, [target])
      const refused = targets.map(target => request(limits, [target]))
      await clock.advance(119_999)
      expect(refused.map(({ error }) => error)).toEqual([undefined, undefined])
      await clock.advance(2)
      expect(refused.map(({ error }) => error?.code)).toEqual(['limited', 'limited'])
    })

    test.each([
      ["the entry's, if the credential has none", { rpm: 10, timeout: 1 }, { rpm: 1 }],
      ["the entry's, whatever the scope of its counters", { rpm: 10, timeout: 1, scope: 'model' }, { rpm: 1 }],
      ["the entry's, even if the entry limits nothing", { timeout: 1 }, { rpm: 1 }],
      ["the credential's, if the entry has none", { rpm: 1 }, { rpm: 10, timeout: 1 }],
      ['the longer of both', { rpm: 1, timeout: 0.5 }, { rpm: 1, timeout: 1 }],
    ] as [string, Limit, Limit][])('the timeout of a request is %s', async (_, limit, credentialLimit) => {
      const { clock, limits } = setup()
      const target = targetOf(entryOf('one', { limit, credentials: [credential(0, credentialLimit)] }))
      request(limits, [target])
      const refused = request(limits, [target])
      await clock.advance(999)
      expect(refused.error).toBeUndefined()
      await clock.advance(2)
      expect(refused.error?.code).toBe('limited')
    })

    test('a request whose daily quota cannot renew in time is refused at once', () => {
      const { limits } = setup()
      const target = limitedTarget('one', { rpd: 1, timeout: 60 })
      request(limits, [target])
      const refused = request(limits, [target])
      expect(refused.waited).toBe(false)
      expect(refused.error?.message).toBe('limit rpd 1 of service "one" is used up, next turn in 86400 s')
    })

    test('a request beyond the maximum queue length is refused', () => {
      const { limits } = setup()
      const target = limitedTarget('one', { concurrency: 1 })
      request(limits, [target])
      for (let at = 0; at < 10_000; at++) request(limits, [target])
      const refused = request(limits, [target])
      expect(refused.error?.code).toBe('limited')
      expect(refused.error?.message).toContain('limit concurrency 1 of service "one"')
      expect(limits.waiting).toBe(10_000)
    })

    test('the scope of a limit is the service, each credential or each model', () => {
      const { limits } = setup()
      const admittedIn = (scope: Limit['scope'], id: string) => {
        const entry = entryOf(id, {
          limit: { rpm: 1, ...(scope ? { scope } : {}) },
          credentials: [credential(0), credential(1)],
        })
        const targets = [
          targetOf(entry, 0, 'a'),
          targetOf(entry, 1, 'a'),
          targetOf(entry, 0, 'b'),
          targetOf(entry, 0, 'a'),
        ]
        return targets.map(target => !request(limits, [target]).waited)
      }
      expect(admittedIn('entry', 'e')).toEqual([true, false, false, false])
      expect(admittedIn(undefined, 'n')).toEqual([true, false, false, false])
      expect(admittedIn('credential', 'c')).toEqual([true, true, false, false])
      expect(admittedIn('model', 'm')).toEqual([true, false, true, false])
    })

    test("a credential's own limit applies beside the service's", async () => {
      const { clock, limits } = setup()
      const entry = entryOf('one', {
        limit: { rpm: 3, timeout: 1 },
        credentials: [credential(0, { rpm: 1 }), credential(1, { rpm: 5 })],
      })
      expect(request(limits, [targetOf(entry, 0)]).waited).toBe(false)
      const credentialLimit = request(limits, [targetOf(entry, 0)])
      await clock.advance(1001)
      expect(credentialLimit.error?.message).toBe(
        'limit rpm 1 of credential 1 of service "one" is used up, next turn in 59 s',
      )
      expect(request(limits, [targetOf(entry, 1)]).waited).toBe(false)
      expect(request(limits, [targetOf(entry, 1)]).waited).toBe(false)
      const shared = request(limits, [targetOf(entry, 1)])
      await clock.advance(1001)
      expect(shared.error?.message).toContain('limit rpm 3 of service "one"')
    })

    test('embeddings have separate counters', () => {
      const { limits } = setup()
      const target = targetOf(entryOf('one', { limit: { rpm: 1 }, embeddingLimit: { rpm: 2 } }))
      const admittedIn = [true, true, true, false, false].map(
        embedding => !request(limits, [target], { embedding }).waited,
      )
      expect(admittedIn).toEqual([true, true, false, true, false])
    })

    test('tokens are reserved by the estimate and settled by the usage', () => {
      const { limits } = setup()
      const target = limitedTarget('one', { tpm: 100 })
      const tokens = () => 80
      const first = request(limits, [target], { tokens })
      const second = request(limits, [target], { tokens })
      expect(second.waited).toBe(true)
      settle(first, 20)
      expect(limits.waiting).toBe(0)
      expect(request(limits, [target], { tokens: () => 1 }).waited).toBe(true)
    })

    test('usage beyond the estimate blocks the next request, and unknown usage leaves the estimate', () => {
      const { limits } = setup()
      const [over, unknown] = [limitedTarget('over', { tpm: 100 }), limitedTarget('unknown', { tpm: 100 })]
      settle(request(limits, [over], { tokens: () => 10 }), 95)
      expect(request(limits, [over], { tokens: () => 10 }).waited).toBe(true)
      settle(request(limits, [unknown], { tokens: () => 60 }))
      expect(request(limits, [unknown], { tokens: () => 60 }).waited).toBe(true)
      expect(request(limits, [limitedTarget('unknown', { tpm: 100 })], { tokens: () => 60 }).waited).toBe(true)
    })

    test('the usage of a long stream beyond its estimate counts from when it is known', async () => {
      const { clock, limits } = setup()
      const target = limitedTarget('one', { tpm: 100 })
      const stream = request(limits, [target], { tokens: () => 10 })
      await clock.advance(90_000)
      settle(stream, 100)
      expect(request(limits, [target], { tokens: () => 20 }).waited).toBe(true)
    })

    test('a request larger than the limit is admitted when the window is empty', async () => {
      const { clock, limits } = setup()
      const target = limitedTarget('one', { tpm: 100 })
      const huge = { tokens: () => 5000 }
      expect(request(limits, [target], huge).waited).toBe(false)
      const next = request(limits, [target], huge)
      expect(next.waited).toBe(true)
      await clock.advance(59_000)
      expect(next.admission).toBeUndefined()
      await clock.advance(1001)
      expect(next.admission).toBeDefined()
    })

    test('the tokens are estimated only if a limit asks, and once', () => {
      const { limits } = setup()
      let estimates = 0
      const tokens = () => {
        estimates++
        return 50
      }
      request(limits, [limitedTarget('free', {})], { tokens })
      request(limits, [limitedTarget('rpm', { rpm: 5 })], { tokens })
      expect(estimates).toBe(0)
      const [one, two] = [limitedTarget('one', { tpm: 60 }), limitedTarget('two', { tpm: 60 })]
      settle(request(limits, [one], { tokens }), 60)
      request(limits, [one, two], { tokens })
      expect(estimates).toBe(2)
    })

    test('a reload keeps the counters, and new limits apply at once', async () => {
      const { limits } = setup()
      for (let at = 0; at < 3; at++) request(limits, [limitedTarget('one', { rpm: 3 })])
      expect(request(limits, [limitedTarget('one', { rpm: 3 })]).waited).toBe(true)
      const waiting = request(limits, [limitedTarget('one', { rpm: 3 })])
      expect(request(limits, [limitedTarget('one', { rpm: 6 })]).waited).toBe(false)
      await flushPromises()
      expect(waiting.admission).toBeDefined()
      expect(request(limits, [limitedTarget('one', { rpm: 6 })]).waited).toBe(true)
      expect(request(limits, [limitedTarget('one', {})]).waited).toBe(false)
      await flushPromises()
      expect(limits.waiting).toBe(0)
    })

    test('a request of the old configuration does not restore the old limits', () => {
      const { limits } = setup()
      const old = entryOf('one', { limit: { rpm: 1 } })
      request(limits, [targetOf(old, 0, 'a')])
      const renewed = entryOf('one', { limit: { rpm: 3 } })
      expect(request(limits, [targetOf(renewed, 0, 'a')]).waited).toBe(false)
      expect(request(limits, [targetOf(old, 0, 'b')]).waited).toBe(false)
      expect(request(limits, [targetOf(renewed, 0, 'b')]).waited).toBe(true)
    })

    test('used slots survive a reload that removes the limit and one that restores it', () => {
      const { limits } = setup()
      const held = request(limits, [limitedTarget('one', { concurrency: 1 })])
      request(limits, [limitedTarget('one', {})])
      expect(request(limits, [limitedTarget('one', { concurrency: 1 })]).waited).toBe(true)
      settle(held)
      expect(limits.waiting).toBe(0)
    })

    test.each([1, 2, 3, 4])(
      'random usage, failures and cancellations leave no slot in use and exceed no window (seed %d)',
      async seed => {
        const { clock, limits } = setup()
        const random = seeded(seed)
        const entries = [
          entryOf('a', { limit: { concurrency: 3, qps: 5, timeout: 2 } }),
          entryOf('b', {
            limit: { tpm: 500, concurrency: 2, scope: 'credential', timeout: 4 },
            credentials: [credential(0), credential(1, { rpm: 30 })],
          }),
          entryOf('c', { limit: { rpm: 60, scope: 'model', timeout: 1 } }),
        ]
        const targets = entries.flatMap(entry =>
          entry.credentials.flatMap((_, at) => ['x', 'y'].map(model => targetOf(entry, at, model))),
        )
        const open = new Map<Entry, number>()
        const starts: number[] = []
        const ended: Promise<void>[] = []
        const run = async (candidates: Target[], client: AbortController) => {
          const admission = await limits.admit(
            candidates,
            admissionRequest({ tokens: () => 1 + Math.floor(random() * 200), signal: client.signal }),
          )
          const { entry } = admission.target
          open.set(entry, (open.get(entry) ?? 0) + 1)
          if (entry.id === 'a') {
            starts.push(clock.now())
            expect(open.get(entry)).toBeLessThanOrEqual(3)
          }
          const endsAt = clock.now() + random() * 3000
          while (clock.now() < endsAt) await tick()
          open.set(entry, open.get(entry)! - 1)
          admission.lease.settle(random() < 0.3 ? undefined : Math.floor(random() * 300))
          if (random() < 0.2) admission.lease.settle(0)
        }
        let ticks: (() => void)[] = []
        const tick = () => new Promise<void>(resolve => ticks.push(resolve))
        const step = async () => {
          const due = ticks
          ticks = []
          for (const resolve of due) resolve()
          await clock.advance(random() * 200)
        }
        for (let round = 0; round < 300; round++) {
          const candidates = targets.filter(() => random() < 0.4)
          const client = new AbortController()
          if (candidates.length > 0)
            ended.push(run(candidates, client).catch(error => expect(error).toBeInstanceOf(GatewayError)))
          await step()
          if (random() < 0.2) client.abort()
        }
        while (limits.waiting > 0 || ticks.length > 0) await step()
        await Promise.all(ended)
        for (const [at, start] of starts.entries())
          expect(starts.slice(at).filter(other => other - start < 1000).length).toBeLessThanOrEqual(5)
        await clock.advance(120_000)
        expect(clock.timers()).toBe(0)
        const both = [request(limits, [targets[0]!]), request(limits, [targets[0]!]), request(limits, [targets[0]!])]
        expect(both.every(({ waited }) => !waited)).toBe(true)
        const keys = [2, 2, 4, 4].map(at => request(limits, [targets[at]!]))
        expect(keys.every(({ waited }) => !waited)).toBe(true)
      },
    )
  })
}
