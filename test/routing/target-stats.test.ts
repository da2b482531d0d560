/** The strategies that measure, `least_busy` and `fastest`, with a clock that the test moves. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { Entry, Target } from '../../src/providers/entry.ts'
import { createPolicies } from '../../src/routing/policies.ts'
import { createRouter } from '../../src/routing/router.ts'
import { createTargetStats, exploreAfter, needsTargetStats, type TargetStats } from '../../src/routing/target-stats.ts'
import { RequestRecords } from '../../src/telemetry/request-lifetime.ts'
import { credential, entryOf, seeded, targetOf } from '../contracts/limits.ts'
import { candidatesOf } from '../contracts/policy.ts'

let now = 0
let stats: TargetStats
beforeEach(() => {
  now = 1000
  stats = createTargetStats(() => now)
})

const context = { key: 'model', affinity: () => '' }
const target = (name: string): Target => ({ ...targetOf(entryOf(name)), id: name })
const failed = new GatewayError('upstream_failed', 'no')
const cancelled = new GatewayError('cancelled', 'gone')

/** Simulates a stream of requests, one every `every` ms. `outcomeOf` returns how long a request takes, or its error. */
const simulate = (
  pick: () => string,
  outcomeOf: (name: string) => { takes: number; error?: GatewayError },
  { requests, every }: { requests: number; every: number },
): { chosen: string[]; held: Record<string, number[]> } => {
  const chosen: string[] = []
  const held: Record<string, number[]> = {}
  let open: { at: number; end: () => void; name: string }[] = []
  for (let request = 0; request < requests; request++) {
    const due = now + every
    for (const one of open.toSorted((a, b) => a.at - b.at).filter(({ at }) => at <= due)) {
      now = Math.max(now, one.at)
      one.end()
    }
    now = due
    open = open.filter(({ at }) => at > now)
    const name = pick()
    chosen.push(name)
    const sample = stats.begin(target(name))
    const { takes, error } = outcomeOf(name)
    const end = () => {
      if (!error) sample.markAnswered()
      sample.end(error)
    }
    open.push({ at: now + takes, end, name })
    for (const { name } of open) held[name] ??= []
    for (const name of Object.keys(held)) held[name]!.push(open.filter(one => one.name === name).length)
  }
  return { chosen, held }
}
const mean = (figures: number[]) => figures.reduce((sum, one) => sum + one, 0) / figures.length
const share = (chosen: string[], name: string) => chosen.filter(one => one === name).length / chosen.length

describe('least_busy', () => {
  const picker = (weights: Record<string, number>) => {
    const { least_busy } = createPolicies({ stats, random: seeded(5) })
    return () => least_busy(candidatesOf(weights), context)[0]!.name
  }

  test('the load is even although one target holds its requests four times as long', () => {
    const takes: Record<string, number> = { slow: 4000, quick: 1000 }
    const { chosen, held } = simulate(picker({ slow: 1, quick: 1 }), name => ({ takes: takes[name]! }), {
      requests: 4000,
      every: 50,
    })
    expect(mean(held['slow']!.slice(200)) / mean(held['quick']!.slice(200))).toBeWithin(0.9, 1.1)
    expect(share(chosen, 'quick')).toBeWithin(0.77, 0.83)
  })

  test('a target of weight 3 holds three times as many requests', () => {
    const { held } = simulate(picker({ big: 3, small: 1 }), () => ({ takes: 2000 }), { requests: 4000, every: 50 })
    expect(mean(held['big']!.slice(200)) / mean(held['small']!.slice(200))).toBeWithin(2.7, 3.3)
  })

  test('an idle target comes before a busy one, whatever the weights', () => {
    stats.begin(target('big'))
    for (let draw = 0; draw < 50; draw++) expect(picker({ big: 100, small: 1 })()).toBe('small')
  })

  test('an ended request no longer counts, even if it is ended twice', () => {
    const samples = [stats.begin(target('a')), stats.begin(target('a'))]
    expect(stats.load('a')).toBe(2)
    samples[0]!.end()
    samples[0]!.end(failed)
    expect(stats.load('a')).toBe(1)
    samples[1]!.end(cancelled)
    expect(stats.load('a')).toBe(0)
  })

  test('the load of an entry covers all its models and credentials, and each credential has its own', () => {
    const entry = entryOf('e', { credentials: [credential(0), credential(1)] })
    stats.begin(targetOf(entry, 0, 'one'))
    stats.begin(targetOf(entry, 0, 'two'))
    stats.begin(targetOf(entry, 1, 'one'))
    expect(['e', 'e/digest0', 'e/digest1'].map(loadKey => stats.load(loadKey))).toEqual([3, 2, 1])
  })
})

describe('fastest', () => {
  const picker = (weights: Record<string, number>) => {
    const { fastest } = createPolicies({ stats, random: seeded(9) })
    return () => fastest(candidatesOf(weights), context)[0]!.name
  }
  const once = (name: string, takes: number, error?: GatewayError) => {
    const sample = stats.begin(target(name))
    now += takes
    if (!error) sample.markAnswered()
    sample.end(error)
  }

  test('traffic converges to the faster target despite noise', () => {
    const random = seeded(4)
    const takes = { quick: 200, slow: 600 } as Record<string, number>
    const { chosen } = simulate(
      picker({ slow: 1, quick: 1 }),
      name => ({ takes: takes[name]! * (0.7 + 0.6 * random()) }),
      {
        requests: 2000,
        every: 100,
      },
    )
    expect(share(chosen, 'quick')).toBeGreaterThan(0.98)
    expect(chosen).toContain('slow')
  })

  test('every target is tried once before any is tried again, even while none has answered', () => {
    const pick = picker({ a: 1, b: 1, c: 1, d: 1 })
    const first = Array.from({ length: 4 }, () => {
      const name = pick()
      stats.begin(target(name))
      return name
    })
    expect(first.sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a target unused for five minutes gets one request, not all, and its old latency is dropped', () => {
    once('a', 200)
    once('b', 3000)
    const pick = picker({ a: 1, b: 1 })
    expect(pick()).toBe('a')
    for (let minute = 0; minute < 5; minute++) {
      now += exploreAfter / 5
      once('a', 200)
    }
    expect(pick()).toBe('b')
    const trying = stats.begin(target('b'))
    expect(pick()).toBe('a')
    now += 50
    trying.markAnswered()
    trying.end()
    expect(stats.expectedLatency('b')).toBe(50)
    expect(pick()).toBe('b')
  })

  test('a failing target is avoided at once, and used again as its penalty expires', () => {
    once('a', 200)
    once('b', 800)
    const pick = picker({ a: 1, b: 1 })
    expect(pick()).toBe('a')
    once('a', 20, failed)
    expect(pick()).toBe('b')
    now += 30_000
    expect(pick()).toBe('b')
    now += 45_000
    expect(pick()).toBe('a')
  })

  test('repeated failures add to the penalty, up to a maximum', () => {
    once('a', 200)
    for (let time = 0; time < 50; time++) once('a', 1, failed)
    expect(stats.expectedLatency('a')).toBeWithin(50_000, 60_300)
    once('a', 200)
    expect(stats.expectedLatency('a')).toBeLessThan(45_000)
  })

  test('an instant failure does not count as fast: a target that only fails gets no traffic', () => {
    const { chosen } = simulate(
      picker({ broken: 1, sound: 1 }),
      name => (name === 'broken' ? { takes: 5, error: failed } : { takes: 900 }),
      { requests: 6000, every: 100 },
    )
    expect(share(chosen, 'broken')).toBeLessThan(0.01)
    expect(chosen.filter(name => name === 'broken').length).toBeGreaterThan(1)
  })

  test('a target that slows down is avoided', () => {
    const takes = { a: 100, b: 400 } as Record<string, number>
    const options = { requests: 200, every: 500 }
    expect(
      share(simulate(picker({ a: 1, b: 1 }), name => ({ takes: takes[name]! }), options).chosen, 'a'),
    ).toBeGreaterThan(0.95)
    takes['a'] = 2000
    expect(
      share(simulate(picker({ a: 1, b: 1 }), name => ({ takes: takes[name]! }), options).chosen, 'b'),
    ).toBeGreaterThan(0.9)
  })

  test('a target that falls silent is avoided before any request has failed', () => {
    once('a', 100)
    once('b', 900)
    const pick = picker({ a: 1, b: 1 })
    const waiting = stats.begin(target('a'))
    now += 500
    expect(pick()).toBe('a')
    now += 600
    expect(pick()).toBe('b')
    waiting.markAnswered()
    expect(pick()).toBe('a')
  })

  test('a long answer does not count as silence: only the time to the first content does', () => {
    once('a', 100)
    once('b', 300)
    stats.begin(target('a'))
    const streaming = stats.begin(target('a'))
    now += 100
    streaming.markAnswered()
    for (let time = 0; time < 20; time++) once('a', 100)
    expect(stats.expectedLatency('a')).toBeCloseTo(100)
    streaming.end()
    expect(stats.expectedLatency('a')).toBeCloseTo(100)
  })

  test('a cancelled request counts as a minimum latency, and a refused request does not count', () => {
    once('a', 100)
    const impatient = stats.begin(target('a'))
    now += 10_000
    impatient.end(cancelled)
    expect(stats.expectedLatency('a')).toBeGreaterThan(3000)
    once('b', 100)
    once('b', 1, new GatewayError('upstream_refused', 'no'))
    expect(stats.expectedLatency('b')).toBeCloseTo(100)
  })

  test('the oldest targets beyond the maximum are dropped', () => {
    for (let at = 0; at < 10_001; at++) once(`model ${at}`, 1)
    expect([stats.expectedLatency('model 0'), stats.expectedLatency('model 10000')]).toEqual([undefined, 1])
  })
})

describe('the router and the request lifetime over entries and credentials', () => {
  const log = { write: () => {}, flush: () => {}, configure: () => {} }
  const planner = (entries: Entry[], strategy: 'least_busy' | 'fastest') => {
    const compiled = {
      strategy,
      entries,
      redirect: new Map<string, string>(),
    } as unknown as Parameters<typeof createRouter>[0]
    const caller = { id: 'c', owner: 'c', canUse: () => true }
    const request = { model: 'model', protocol: 'openai-chat', caller, affinity: () => '' }
    const records = new RequestRecords(log)
    records.stats = stats
    return {
      begin() {
        const router = createRouter(compiled, () => true, { stats, random: seeded(1) })
        const lifetime = records.begin('POST', '/')
        lifetime.beginAttempt({ target: router.plan(request).targets[0]!, lease: { settle: () => {} } })
        return lifetime
      },
    }
  }
  const twoEntries = () => [
    entryOf('x', { credentials: [credential(0), credential(1)] }),
    entryOf('y', { credentials: [credential(2)] }),
  ]

  test('least_busy orders entries by all their requests, then credentials, and a new router keeps the load', () => {
    const { begin } = planner(twoEntries(), 'least_busy')
    const records = Array.from({ length: 6 }, begin)
    const counts = (part: RegExp) => records.filter(({ record }) => part.test(record.target!)).length
    expect([counts(/^x/), counts(/^y/), counts(/digest0/), counts(/digest1/)]).toEqual([
      3,
      3,
      expect.any(Number),
      expect.any(Number),
    ])
    expect(Math.abs(counts(/digest0/) - counts(/digest1/))).toBe(1)
    for (const lifetime of records) lifetime.close()
    expect(['x', 'y'].map(loadKey => stats.load(loadKey))).toEqual([0, 0])
  })

  test('fastest tries every credential, then uses the fastest', () => {
    const { begin } = planner(twoEntries(), 'fastest')
    const takes: Record<string, number> = { 'x/digest0/model': 500, 'x/digest1/model': 50, 'y/digest2/model': 200 }
    const tried = Array.from({ length: 3 }, () => {
      const lifetime = begin()
      now += takes[lifetime.record.target!]!
      lifetime.markAnswered(undefined)
      lifetime.close()
      return lifetime.record.target!
    })
    expect(tried.sort()).toEqual(Object.keys(takes))
    const again = begin()
    expect(again.record.target).toBe('x/digest1/model')
    again.close({ error: failed })
    expect(begin().record.target).toBe('y/digest2/model')
  })

  test('a failed attempt counts as failed, and an ended request adds no load', () => {
    const { begin } = planner(twoEntries(), 'fastest')
    const lifetime = begin()
    const failing = targetOf(entryOf('z'))
    const attempt = lifetime.beginAttempt({ target: failing, lease: { settle: () => {} } })
    attempt.end(new GatewayError('upstream_failed', 'broken'))
    expect(stats.expectedLatency(failing.id)).toBeGreaterThan(10_000)
    lifetime.cancel()
    lifetime.beginAttempt({ target: targetOf(entryOf('z')), lease: { settle: () => {} } })
    expect(['x', 'y', 'z'].map(loadKey => stats.load(loadKey))).toEqual([0, 0, 0])
  })

  test('the other strategies measure nothing', () => {
    expect(['random', 'first', 'round_robin', 'hash'].some(needsTargetStats)).toBe(false)
    const lifetime = new RequestRecords(log).begin('POST', '/')
    lifetime.beginAttempt({ target: targetOf(entryOf('x')), lease: { settle: () => {} } })
    expect(stats.load('x')).toBe(0)
  })
})
