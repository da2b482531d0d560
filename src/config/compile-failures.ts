/** Compiles the settings for failing vendors: retries, fallbacks, circuit breakers. */
import type { BreakerSettings, FailureSettings, RetrySettings } from './compiled.ts'
import type { Config } from './schema/schema.ts'

export const compileFailures = (config: Config): FailureSettings => ({
  retry: retryOf(config.retry),
  breaker: breakerOf(config.circuit_breaker),
  fallback: new Map(Object.entries(config.fallback ?? {})),
  cools: config.cooling ?? true,
  learns: config.learn ?? true,
  hedges: config.hedge ?? true,
  exposeTargets: config.expose_targets ?? true,
})

const retryOf = ({
  attempts = 6,
  backoff = 0.25,
  max_backoff: maxBackoff = 5,
  max_time: maxTime = 120,
  budget = 0.2,
}: NonNullable<Config['retry']> = {}): RetrySettings => ({
  attempts: Math.max(1, attempts),
  backoff,
  maxBackoff,
  maxTime,
  budget,
})

/** 0 means the default, as in the old configuration files. */
const breakerOf = (config: Config['circuit_breaker'] = {}): BreakerSettings => ({
  enabled: config.enabled ?? true,
  failureThreshold: config.failure_threshold || 5,
  recoveryTimeout: config.recovery_timeout_seconds || 30,
  halfOpenMaxRequests: config.half_open_max_requests || 1,
})
