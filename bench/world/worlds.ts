/** The worlds by name: their vendors, what their gateway is configured with, and what it has to reach. */
import { failingWorlds } from './failing-worlds.ts'
import * as failures from './failures.ts'
import { otherWorlds } from './other-worlds.ts'
import { seededRandom } from './random.ts'
import * as refusals from './refusals.ts'
import { cut, empty, hang, reset } from './reply.ts'
import type { VendorScript } from './vendor.ts'

/** The largest values allowed. `answered` is the least share; times in seconds; the others per request. */
export type Aims = {
  answered: number
  p95?: number
  p99?: number
  /** After the first minute. */
  refused?: number
  /** After the first minute; `twice ideal`: twice what a chooser with perfect knowledge has. */
  broken?: number | 'twice ideal'
  cancelled?: number
}

export type World = {
  name: string
  about: string
  /** Seconds, and requests a second. */
  seconds: number
  rate: number
  vendors: (seed: number) => VendorScript[]
  /** Further keys of the gateway's configuration, and of every entry's limit. */
  settings?: { config?: Record<string, unknown>; limit?: Record<string, unknown> }
  /** The vendors' ports are closed. */
  isUnreachable?: true
  /**
   * What every request has to end with, where no vendor can answer: within `seconds`, with a Retry-After of at most
   * `retryAfter` seconds, if there is one to expect.
   */
  failure?: { statuses: number[]; seconds: number; retryAfter?: number }
  aims: Aims
}

const standard: World = {
  name: 'standard',
  about: 'ten free vendors as public reports describe them',
  seconds: 120,
  rate: 2.5,
  aims: { answered: 0.998, p95: 1.5, p99: 10, refused: 0.03, broken: 0.1, cancelled: 0.05 },
  vendors: seed => {
    const { pick } = seededRandom('standard', seed)
    const over = pick(refusals.overWithRetryAfter)
    const written = (rpm: number) => ({ limit: { rpm, refusal: over }, isWritten: true }) as const
    const tellsHeaders = seed % 3 === 0
    return [
      { name: 'steady', keys: 2, ...written(30) },
      {
        name: 'outage',
        keys: 1,
        ...written(40),
        phases: [
          { from: 20, until: 55, reply: pick(failures.outagePage) },
          { from: 90, until: 110, reply: pick(failures.outagePage) },
        ],
      },
      { name: 'deadkey', keys: 2, ...written(40), deadKeys: { numbers: [1], reply: pick(failures.deadKey) } },
      { name: 'narrow', keys: 1, limit: { atOnce: 2, refusal: pick(refusals.overAtOnce) } },
      { name: 'overload', keys: 1, ...written(40), faults: [{ share: 0.25, reply: pick(failures.overloaded200) }] },
      { name: 'daily', keys: 1, allowance: { total: 12, refusal: pick(refusals.dayUsedUp) } },
      {
        name: 'flaky',
        keys: 1,
        ...written(60),
        faults: [
          { share: 0.1, reply: reset },
          { share: 0.1, reply: pick(failures.serverError) },
          { share: 0.07, reply: empty },
          { share: 0.07, reply: cut },
        ],
      },
      { name: 'hanging', keys: 1, ...written(40), faults: [{ share: 0.1, reply: hang }] },
      {
        name: 'learned',
        keys: 1,
        limit: { rpm: 15, refusal: pick([...refusals.overWithRetryAfter, refusals.overInWords]) },
        ...(tellsHeaders && { limitHeaders: refusals.groqHeaders }),
      },
      { name: 'gone', keys: 1, ...written(60), phases: [{ from: 30, reply: pick(failures.modelGone) }] },
    ]
  },
}

const all = [standard, ...otherWorlds, ...failingWorlds]
export const worlds: Readonly<Record<string, World>> = Object.fromEntries(all.map(world => [world.name, world]))

/** @throws Error if there is no such world. `other`: all but the standard one. */
export const worldsNamed = (name: string): World[] => {
  if (name === 'other') return all.filter(world => world !== standard)
  const world = worlds[name]
  if (!world) throw new Error(`no world is called ${name}: ${[...Object.keys(worlds), 'other'].join(', ')}`)
  return [world]
}
