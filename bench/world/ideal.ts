/**
 * A chooser that knows every vendor's state: its rate of success now, and what is left of its limits. It draws each
 * target with the chance rate × left, as the strategy `random` should, and tries again at once. It runs on a simulated
 * clock, so its figures say what a world allows.
 */
import { type Arrival, arrivalsOf } from './arrivals.ts'
import { type Random, seededRandom } from './random.ts'
import type { Reply, Verdict } from './reply.ts'
import { createVendor, type Vendor } from './vendor.ts'
import type { World } from './worlds.ts'

/** Milliseconds after which it leaves a call that hangs, and between two looks when every vendor is full. */
const patience = 2000
const pollInterval = 100

/** `begins`: seconds from each request that was answered to the begin of its answer. */
export type IdealResult = { arrivals: Arrival[]; calls: { at: number; verdict: Verdict }[]; begins: number[] }

type Event = { at: number; run: () => void }

/** Runs events in the order of their times (seconds), including those that they add, until `until`. */
const simulate = (until: number): { add: (event: Event) => void; run: () => void } => {
  const events: Event[] = []
  const add = (event: Event) => {
    const at = events.findIndex(other => other.at > event.at)
    events.splice(at < 0 ? events.length : at, 0, event)
  }
  const run = () => {
    for (let event = events.shift(); event && event.at <= until; event = events.shift()) event.run()
  }
  return { add, run }
}

const durationOf = ({ after, parts, end }: Reply): number =>
  end === 'silence' ? patience : parts.reduce((sum, part) => sum + part.after, after)

export const runIdeal = (world: World, seed: number): IdealResult => {
  const vendors = world.vendors(seed).map(script => createVendor(script, `${seed}/ideal`))
  const random = seededRandom('ideal', seed)
  const result: IdealResult = { arrivals: arrivalsOf(world, seed), calls: [], begins: [] }
  const clock = simulate(world.seconds + 60)
  const attempt = (now: number, arrived: number, nonce: string, isStream: boolean): void => {
    const chosen = draw(vendors, now, random)
    const again = (at: number) => clock.add({ at, run: () => attempt(at, arrived, nonce, isStream) })
    if (!chosen) {
      again(now + pollInterval / 1000)
      return
    }
    const { reply, end } = chosen.vendor.receive(now, chosen.key, { nonce, model: 'world', isStream })
    const endsAt = now + durationOf(reply) / 1000
    clock.add({ at: endsAt, run: end })
    result.calls.push({ at: now, verdict: reply.verdict })
    if (reply.verdict === 'answered') result.begins.push(now + reply.after / 1000 - arrived)
    else again(endsAt)
  }
  for (const { at, nonce, isStream } of result.arrivals) clock.add({ at, run: () => attempt(at, at, nonce, isStream) })
  clock.run()
  return result
}

const draw = (vendors: Vendor[], now: number, random: Random): { vendor: Vendor; key: number } | undefined => {
  const choices = vendors.flatMap(vendor =>
    Array.from({ length: vendor.script.keys }, (_, key) => {
      const { rate, left } = vendor.outlook(now, key)
      return { vendor, key, chance: rate * Math.max(0, left) }
    }),
  )
  let drawn = random.next() * choices.reduce((sum, { chance }) => sum + chance, 0)
  for (const choice of choices) {
    if (choice.chance > 0 && drawn < choice.chance) return choice
    drawn -= choice.chance
  }
  return choices.find(({ chance }) => chance > 0)
}
