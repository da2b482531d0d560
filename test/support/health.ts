/** Failures as the classifier reports them, and targets to report them for. */
import { type ErrorCode, GatewayError } from '../../src/base/errors.ts'
import type { Failure } from '../../src/base/failure-reasons.ts'
import type { CompiledConfig } from '../../src/config/compiled.ts'
import type { Target } from '../../src/providers/entry.ts'
import type { AttemptOutcome } from '../../src/routing/health/health.ts'
import { Health } from '../../src/routing/health/health.ts'
import { credential, entryOf, targetOf } from '../contracts/limits.ts'

const codes: Partial<Record<Failure['reason'], ErrorCode>> = {
  key: 'upstream_credentials',
  balance: 'upstream_credentials',
  minute: 'upstream_limited',
  day: 'upstream_limited',
  overload: 'upstream_failed',
  broken: 'upstream_failed',
  region: 'upstream_failed',
}

/** The error of an attempt that failed for a reason. */
export const failureOf = (failure: Failure, more: { unsent?: boolean; status?: number } = {}): GatewayError =>
  new GatewayError(codes[failure.reason] ?? 'upstream_refused', `failed: ${failure.reason}`, {
    failure,
    ...(failure.retryAfter !== undefined && { retryAfter: failure.retryAfter }),
    ...more,
  })

const breaker = { enabled: true, failureThreshold: 5, recoveryTimeout: 30, halfOpenMaxRequests: 1 }

/** The health of two keys and two models of one entry, with a clock in seconds that the test moves. */
export const healthUnderTest = (settings: Partial<Pick<CompiledConfig, 'breaker' | 'cools' | 'learns'>> = {}) => {
  let seconds = 1000
  const health = new Health({ now: () => seconds * 1000 })
  health.configure({ breaker, cools: true, learns: true, ...settings })
  const entry = entryOf('vendor', { credentials: [credential(0), credential(1)] })
  const target = (key = 0, model = 'one'): Target => targetOf(entry, key, model)
  const cost = { tokens: () => 10 }
  const gate = (of: Target) => health.gateOf(of)
  return {
    health,
    target,
    gate,
    breaker,
    sleep: (duration: number) => {
      seconds += duration
    },
    report: (outcome: AttemptOutcome, of = target()) => health.report(of, outcome),
    fail: (failure: Failure, of = target(), more = {}) => health.report(of, { error: failureOf(failure, more) }),
    /** Whether a request is sent to the target now. */
    admits: (of = target()) => gate(of).hasCapacity(cost, seconds * 1000),
    /** Sends a request. Returns what ends it. */
    begin: (of = target()) => {
      const handle = gate(of).charge(cost, seconds * 1000)
      return () => gate(of).settle(handle, 0, seconds * 1000)
    },
    /** Seconds until the target may be asked again, as far as is known. */
    pause: (of = target()) => gate(of).readyAt(seconds * 1000) / 1000 - seconds,
    fitness: (of = target()) => health.fitness(of.id),
  }
}
