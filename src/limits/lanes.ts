/** Which counters stand before which target. Looked up by name, so that they outlive a reload of the configuration. */
import type { GatewayError } from '../base/errors.ts'
import type { Entry, Limit, Target } from '../providers/entry.ts'
import { isSet, LimitCounters, limitsAnything, type Need } from './counters.ts'
import type { Admission } from './limits.ts'

/** Lanes that are kept without looking which of them are at rest. */
const fewestSwept = 20_000

/** Targets behind the same gates, and the requests in line for them, oldest first. */
export type Lane = {
  gates: LimitCounters[]
  group: Group
  head?: QueueSlot
  tail?: QueueSlot
  /** The last request that looked at it. */
  mark: number
}

/** The lanes of one service: only they can have a gate in common. */
export type Group = {
  /** Those with requests in line. */
  lanes: Set<Lane>
  /** When one of them may have room; Infinity: only when a request ends. */
  due: number
}

/** One request in one lane; `rank` is how much its plan prefers the lane, 0 most. */
export type QueueSlot = {
  waiter: Waiter
  lane: Lane
  target: Target
  rank: number
  previous?: QueueSlot
  next?: QueueSlot
}

export type Waiter = {
  /** Its number in the order of arrival. */
  number: number
  need: Need
  places: QueueSlot[]
  /** Milliseconds it waits at most, and when that is over. */
  patience: number
  deadline: number
  gone: boolean
  resolve: (grant: Admission) => void
  reject: (error: GatewayError) => void
  signal: AbortSignal
  onAbort: () => void
}

type LimitKey = { key: string; place: string; limit: Limit; timeout: number | undefined }

const timeoutOf = (...limits: (Limit | undefined)[]): number | undefined =>
  limits.map(limit => limit?.timeout).find(isSet)

/** The service's own counters: one for all, for each credential or for each model. */
const sharedSpot = ({ entry, credential, model }: Target, embedding: boolean): LimitKey => {
  const limit = embedding ? entry.embeddingLimit : entry.limit
  const service = `service "${entry.id}"`
  const spot = { limit, timeout: timeoutOf(limit) }
  const kind = embedding ? 'embedding' : 'chat'
  if (limit.scope === 'credential')
    return {
      ...spot,
      key: `${kind} ${entry.id} key ${credential.digest}`,
      place: `credential ${credential.index + 1} of ${service}`,
    }
  if (limit.scope === 'model')
    return { ...spot, key: `${kind} ${entry.id} model ${model}`, place: `model "${model}" of ${service}` }
  return { ...spot, key: `${kind} ${entry.id}`, place: service }
}

/** What a credential's own `limit` says; it counts what `limit` counts, so not embeddings. */
const ownSpot = ({ entry, credential }: Target): LimitKey => ({
  key: `own ${entry.id} key ${credential.digest}`,
  place: `credential ${credential.index + 1} of service "${entry.id}"`,
  limit: credential.limit ?? {},
  timeout: timeoutOf(credential.limit, entry.limit),
})

/** Keeps what a lane is for a target; `now` gives milliseconds, `changed` hears of new numbers under requests in line. */
export class Lanes {
  #gates = new Map<string, LimitCounters>()
  #lanes = new Map<string, Lane>()
  #groups = new Map<string, Group>()
  #chat = new WeakMap<Target, Lane | false>()
  #embedding = new WeakMap<Target, Lane | false>()
  /** Entries in the order they were first seen: a later one comes from a newer configuration. */
  #versions = new WeakMap<Entry, number>()
  #version = 0
  #sweepAt = fewestSwept

  constructor(
    readonly now: () => number,
    readonly changed: (group: Group) => void,
  ) {}

  /** Undefined: nothing limits the target. */
  of(target: Target, embedding: boolean): Lane | undefined {
    const known = (embedding ? this.#embedding : this.#chat).get(target)
    if (known !== undefined) return known || undefined
    if (this.#lanes.size > this.#sweepAt) this.#sweep()
    const lane = this.#find(target, embedding)
    ;(embedding ? this.#embedding : this.#chat).set(target, lane ?? false)
    return lane
  }

  #find(target: Target, embedding: boolean): Lane | undefined {
    const group = this.#groupOf(`${embedding ? 'embedding' : 'chat'} ${target.entry.id}`)
    const spots = embedding ? [sharedSpot(target, true)] : [sharedSpot(target, false), ownSpot(target)]
    const found = spots.flatMap(spot => {
      const gate = this.#gateOf(spot, target.entry, group)
      return gate ? [{ key: spot.key, gate }] : []
    })
    if (found.length === 0) return undefined
    const key = found.map(one => one.key).join(' + ')
    const lane = this.#lanes.get(key) ?? { gates: found.map(one => one.gate), group, mark: 0 }
    this.#lanes.set(key, lane)
    return lane
  }

  /** The gate of a spot, with the spot's numbers. A spot that limits nothing frees who waits at the gate it once had. */
  #gateOf(spot: LimitKey, entry: Entry, group: Group): LimitCounters | undefined {
    const limiting = limitsAnything(spot.limit)
    const gate = this.#gates.get(spot.key) ?? (limiting ? new LimitCounters(spot.place) : undefined)
    if (!gate) return undefined
    this.#gates.set(spot.key, gate)
    if (gate.configure(spot.limit, spot.timeout, this.#versionOf(entry))) this.changed(group)
    return limiting ? gate : undefined
  }

  #groupOf(key: string): Group {
    const group = this.#groups.get(key) ?? { lanes: new Set(), due: Number.POSITIVE_INFINITY }
    this.#groups.set(key, group)
    return group
  }

  #versionOf(entry: Entry): number {
    const version = this.#versions.get(entry) ?? this.#version++
    this.#versions.set(entry, version)
    return version
  }

  /** Clients name the models behind a wildcard: lanes at rest are forgotten, they come back as they were. */
  #sweep(): void {
    const now = this.now()
    for (const [key, lane] of this.#lanes)
      if (!lane.head && lane.gates.every(gate => gate.idle(now))) this.#lanes.delete(key)
    const kept = new Set([...this.#lanes.values()].flatMap(lane => lane.gates))
    for (const [key, gate] of this.#gates) if (!kept.has(gate)) this.#gates.delete(key)
    this.#chat = new WeakMap()
    this.#embedding = new WeakMap()
    this.#sweepAt = Math.max(fewestSwept, this.#lanes.size * 2)
  }
}
