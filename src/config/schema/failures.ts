/** The settings for failing vendors: retries, fallbacks, circuit breakers. */
import { Type } from '@sinclair/typebox'
import { flag, group, integer, number, table } from './fields.ts'

const RetrySchema = group(
  {
    attempts: integer('The most attempts for one request, the first one included. 1 switches retries off.', {
      default: 6,
    }),
    backoff: number('How long to wait before the same target is asked again. The wait doubles each time.', {
      unit: 'seconds',
      default: 0.25,
    }),
    max_backoff: number('The longest of these waits.', { unit: 'seconds', default: 5 }),
    max_time: number('No further attempt begins after this time, counted from the arrival of the request.', {
      unit: 'seconds',
      default: 120,
    }),
    budget: number(
      "The largest part of an entry's requests of the last 10 seconds that may be repeats at the same target; 10 are always allowed.",
      { default: 0.2 },
    ),
  },
  { description: 'What happens when a vendor fails: who is asked next, and how often. See docs/reliability.md.' },
)

const BreakerSchema = group(
  {
    enabled: flag('Whether circuit breakers open at all.', { default: true }),
    failure_threshold: integer('Failures in a row that open the breaker of a target.', { default: 5 }),
    recovery_timeout_seconds: number(
      'How long an open breaker waits before it tries the target again. The wait doubles up to 600.',
      {
        unit: 'seconds',
        default: 30,
      },
    ),
    half_open_max_requests: integer('Requests at once that may try a target whose breaker is open.', { default: 1 }),
  },
  {
    description:
      'Takes a target out of service after repeated failures of its vendor. Half of at least 10 failed requests within 60 seconds opens it, too.',
  },
)

export const failureFields = {
  circuit_breaker: BreakerSchema,
  retry: RetrySchema,
  fallback: table(
    Type.Array(Type.String()),
    'Model → the models to ask when all targets of the model have failed or are out of service, in this order. `*` is for all other models.',
    { examples: [{ 'gpt-4o': ['deepseek-chat', 'random'], '*': ['random'] }] },
  ),
  cooling: flag(
    'Whether a key, a quota, a model or a vendor is passed over for a while after a refusal. Without it every request may try every target.',
    { default: true },
  ),
  learn: flag("Whether limits are learned from a vendor's refusals and rate limit headers.", { default: true }),
  hedge: flag(
    'Whether a second target is asked when the first one stays silent for long. The first content wins. At most 5 % of the requests are sent twice.',
    { default: true },
  ),
  expose_targets: flag('Whether responses name the target and the number of attempts: `x-served-by`, `x-attempts`.', {
    default: true,
  }),
}
