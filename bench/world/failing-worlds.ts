/** Worlds in which no vendor can answer: every request has to end in time, with an error that says when to come back. */
import * as failures from './failures.ts'
import * as refusals from './refusals.ts'
import { hang } from './reply.ts'
import type { World } from './worlds.ts'

const names = ['one', 'two', 'three', 'four']
const queueTimeout = 8
const firstByte = 4
/** The gateway's own limit of attempts for a request. */
const attempts = 6
/** Seconds that every refusal names, and that a breaker may stay open at first. */
const refusedFor = 300
const breakerOpenFor = 60
/** What a busy machine may take besides the deadlines. */
const grace = 2

const failing = { seconds: 20, rate: 1.5, aims: { answered: 0 } }

const refusing: World = {
  ...failing,
  name: 'refusing',
  about: 'every vendor refuses for minutes',
  vendors: () =>
    names.map((name, at) => ({
      name,
      keys: 2,
      phases: [{ from: 0, reply: refusals.refuseFor(refusedFor + at * 60) }],
    })),
  settings: { limit: { timeout: queueTimeout } },
  failure: { statuses: [429, 503], seconds: queueTimeout + grace, retryAfter: refusedFor },
}

const exhausted: World = {
  ...failing,
  name: 'exhausted',
  about: 'every vendor has a dead key, no balance, or a used-up day',
  vendors: () => [
    ...[refusals.freeTierUsedUp403, refusals.dayUsedUp[0], refusals.balanceUsedUp].map((refusal, at) => ({
      name: names[at]!,
      keys: 1,
      allowance: { total: 0, refusal },
    })),
    { name: 'four', keys: 1, deadKeys: { numbers: [0], reply: failures.deadKey[0] } },
  ],
  settings: { limit: { timeout: queueTimeout } },
  failure: { statuses: [429, 502, 503], seconds: queueTimeout + grace },
}

const unreachable: World = {
  ...failing,
  name: 'unreachable',
  about: "every vendor's port is closed",
  isUnreachable: true,
  vendors: () => names.map(name => ({ name, keys: 1 })),
  settings: { limit: { timeout: queueTimeout } },
  failure: { statuses: [502, 503], seconds: queueTimeout + grace, retryAfter: breakerOpenFor },
}

const hanging: World = {
  ...failing,
  name: 'hanging',
  about: 'no vendor ever answers',
  vendors: () => names.map(name => ({ name, keys: 1, faults: [{ share: 1, reply: hang }] })),
  settings: { limit: { timeout: queueTimeout }, config: { timeouts: { first_byte: firstByte } } },
  failure: {
    statuses: [429, 502, 503, 504],
    seconds: queueTimeout + firstByte * attempts + grace,
  },
}

export const failingWorlds: readonly World[] = [refusing, exhausted, unreachable, hanging]
