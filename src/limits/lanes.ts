/** Which counters stand before which target. Looked up by name, so that they outlive a reload of the configuration. */
import type { GatewayError } from '../base/errors.ts'
import type { Entry, Limit, Target } from '../providers/entry.ts'
import { isLimiting, isSet, LimitCounters, type RequestCost } from './counters.ts'
import type { Admission } from './limits.ts'

/** Lanes that are kept without looking which of them are at rest. */
const minLanesToSweep = 20_000

/** Targets behind the same gates, and the requests in line for them, oldest first. */
export type Lane = {
  counterSets: LimitCounters[]
  group: LaneGroup
  head?: QueueSlot
  tail?: QueueSlot
  /** The last request that looked at it. */
  lastVisit: number
}

/** The lanes of one service: only they can have a gate in common. */
export type LaneGroup = {
  /** Those with requests in line. */
  lanes: Set<Lane>
  /** When one of them may have room; Infinity: only when a request ends. */
  wakeAt: number
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
  arrival: number
  cost: RequestCost
  slots: QueueSlot[]
  /** Milliseconds it waits at most, and when that is over. */
  maxWait: number
  deadline: number
  isDone: boolean
  resolve: (admission: Admission) => void
  reject: (error: GatewayError) => void
  signal: AbortSignal
  onAbort: () => void
}

type LimitKey = { key: string; owner: string; limit: Limit; timeout: number | undefined }

const timeoutOf = (...limits: (Limit | undefined)[]): number | undefined =>
  limits.map(limit => limit?.timeout).find(isSet)

/** The service's own counters: one for all, for each credential or for each model. */
const entryLimitKey = ({ entry, credential, model }: Target, embedding: boolean): LimitKey => {
  const limit = embedding ? entry.embeddingLimit : entry.limit
  const service = `service "${entry.id}"`
  const base = { limit, timeout: timeoutOf(limit) }
  const kind = embedding ? 'embedding' : 'chat'
  if (limit.scope === 'credential')
    return {
      ...base,
      key: `${kind} ${entry.id} key ${credential.digest}`,
      owner: `credential ${credential.index + 1} of ${service}`,
    }
  if (limit.scope === 'model')
    return { ...base, key: `${kind} ${entry.id} model ${model}`, owner: `model "${model}" of ${service}` }
  return { ...base, key: `${kind} ${entry.id}`, owner: service }
}

/** What a credential's own `limit` says; it counts what `limit` counts, so not embeddings. */
const credentialLimitKey = ({ entry, credential }: Target): LimitKey => ({
  key: `own ${entry.id} key ${credential.digest}`,
  owner: `credential ${credential.index + 1} of service "${entry.id}"`,
  limit: credential.limit ?? {},
  timeout: timeoutOf(credential.limit, entry.limit),
})

/** Keeps what a lane is for a target; `now` gives milliseconds, `changed` hears of new numbers under requests in line. */
export class Lanes {
  #counters = new Map<string, LimitCounters>()
  #lanes = new Map<string, Lane>()
  #groups = new Map<string, LaneGroup>()
  #chat = new WeakMap<Target, Lane | false>()
  #embedding = new WeakMap<Target, Lane | false>()
  /** Entries in the order they were first seen: a later one comes from a newer configuration. */
  #versions = new WeakMap<Entry, number>()
  #version = 0
  #sweepThreshold = minLanesToSweep

  constructor(
    readonly now: () => number,
    readonly onChange: (group: LaneGroup) => void,
  ) {}

  /** Undefined: nothing limits the target. */
  laneFor(target: Target, embedding: boolean): Lane | undefined {
    const known = (embedding ? this.#embedding : this.#chat).get(target)
    if (known !== undefined) return known || undefined
    if (this.#lanes.size > this.#sweepThreshold) this.#sweep()
    const lane = this.#findOrCreateLane(target, embedding)
    ;(embedding ? this.#embedding : this.#chat).set(target, lane ?? false)
    return lane
  }

  #findOrCreateLane(target: Target, embedding: boolean): Lane | undefined {
    const group = this.#groupFor(`${embedding ? 'embedding' : 'chat'} ${target.entry.id}`)
    const limitKeys = embedding
      ? [entryLimitKey(target, true)]
      : [entryLimitKey(target, false), credentialLimitKey(target)]
    const found = limitKeys.flatMap(limitKey => {
      const gate = this.#countersFor(limitKey, target.entry, group)
      return gate ? [{ key: limitKey.key, gate }] : []
    })
    if (found.length === 0) return undefined
    const key = found.map(one => one.key).join(' + ')
    const lane = this.#lanes.get(key) ?? { counterSets: found.map(one => one.gate), group, lastVisit: 0 }
    this.#lanes.set(key, lane)
    return lane
  }

  /** The gate of a spot, with the spot's numbers. A spot that limits nothing frees who waits at the gate it once had. */
  #countersFor(limitKey: LimitKey, entry: Entry, group: LaneGroup): LimitCounters | undefined {
    const hasLimits = isLimiting(limitKey.limit)
    const counters = this.#counters.get(limitKey.key) ?? (hasLimits ? new LimitCounters(limitKey.owner) : undefined)
    if (!counters) return undefined
    this.#counters.set(limitKey.key, counters)
    if (counters.configure(limitKey.limit, limitKey.timeout, this.#versionOf(entry))) this.onChange(group)
    return hasLimits ? counters : undefined
  }

  #groupFor(key: string): LaneGroup {
    const group = this.#groups.get(key) ?? { lanes: new Set(), wakeAt: Number.POSITIVE_INFINITY }
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
      if (!lane.head && lane.counterSets.every(counters => counters.isIdle(now))) this.#lanes.delete(key)
    const used = new Set([...this.#lanes.values()].flatMap(lane => lane.counterSets))
    for (const [key, counters] of this.#counters) if (!used.has(counters)) this.#counters.delete(key)
    this.#chat = new WeakMap()
    this.#embedding = new WeakMap()
    this.#sweepThreshold = Math.max(minLanesToSweep, this.#lanes.size * 2)
  }
}
