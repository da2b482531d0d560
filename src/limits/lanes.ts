/** Maps targets to their counters. Counters are looked up by name, so they survive a reload of the configuration. */
import type { GatewayError } from '../base/errors.ts'
import type { Entry, Limit, Target } from '../providers/entry.ts'
import type { CounterSet, RequestCost } from './counter-set.ts'
import { isLimiting, isSet, LimitCounters } from './counters.ts'
import type { Admission } from './limits.ts'

/** Up to this number of lanes, idle lanes are not swept. */
const minLanesToSweep = 20_000

/** Targets that share the same counters, and the queue of requests for them, oldest first. */
export type Lane = {
  counterSets: CounterSet[]
  /** Seconds a request may wait for this lane, if no limit is set but a timeout is. */
  timeout: number | undefined
  /** The health of the only target of this lane. */
  health?: HealthGate | undefined
  group: LaneGroup
  head?: QueueSlot
  tail?: QueueSlot
  /** The last admission that visited this lane. */
  lastVisit: number
}

/** The health of a target, which holds requests back like a limit. */
export interface HealthGate extends CounterSet {
  /** Tells the gate which limits its target has besides. */
  setLimits(limits: readonly CounterSet[]): void
  /** Nothing but an open circuit breaker holds the target back, and a request may try it. */
  canTry(now: number): boolean
  /** Nothing but an open circuit breaker holds the target back. */
  isOnlyOpen(now: number): boolean
}

/** The lanes of one service. Only they can share counters. */
export type LaneGroup = {
  /** Lanes with queued requests. */
  lanes: Set<Lane>
  /** When one of the lanes may have capacity. Infinity: only when a request ends. */
  wakeAt: number
}

/**
 * The place of one request in the queue of one lane. `rank` is the position of the lane in the request's plan, 0 for
 * the preferred one.
 */
export type QueueSlot = {
  waiter: Waiter
  lane: Lane
  target: Target
  rank: number
  previous?: QueueSlot | undefined
  next?: QueueSlot | undefined
}

export type Waiter = {
  /** Sequence number of arrival. */
  arrival: number
  cost: RequestCost
  slots: QueueSlot[]
  /** Maximum wait in milliseconds. `deadline` is when it ends. */
  maxWait: number
  deadline: number
  isDone: boolean
  resolve: (admission: Admission) => void
  reject: (error: GatewayError) => void
  signal: AbortSignal
  onAbort: () => void
}

type LimitKey = { key: string; owner: string; limit: Limit; timeout: number | undefined }

/** A credential may name the pool of its entry: it is counted once. */
const distinctKeys = (limitKeys: readonly LimitKey[]): LimitKey[] =>
  limitKeys.filter(({ key }, index) => limitKeys.findIndex(other => other.key === key) === index)

const timeoutOf = (...limits: (Limit | undefined)[]): number | undefined =>
  limits.map(limit => limit?.timeout).find(isSet)

const poolKey = (name: string): string => `pool ${name}`

/** Entries that share counters have to be in one group, because only the lanes of a group are served together. */
const groupKeyOf = ({ limit, embeddingLimit, credentials, id }: Entry, embedding: boolean): string => {
  const hasPool = [limit, embeddingLimit, ...credentials.map(one => one.limit)].some(one => one?.pool)
  if (hasPool) return 'pools'
  return `${embedding ? 'embedding' : 'chat'} ${id}`
}

/**
 * The counters of a service's `limit` or `embedding_limit`, by its scope: one set for the service, for each credential,
 * or for each model.
 */
const entryLimitKey = ({ entry, credential, model }: Target, embedding: boolean): LimitKey => {
  const limit = embedding ? entry.embeddingLimit : entry.limit
  const service = `service "${entry.id}"`
  const base = { limit, timeout: timeoutOf(limit) }
  const kind = embedding ? 'embedding' : 'chat'
  if (limit.pool) return { ...base, key: poolKey(limit.pool), owner: `pool "${limit.pool}"` }
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

/** The counters of a credential's own `limit`. Like the service's `limit`, it does not count embeddings. */
const credentialLimitKey = ({ entry, credential }: Target): LimitKey => ({
  key: credential.limit?.pool ? poolKey(credential.limit.pool) : `own ${entry.id} key ${credential.digest}`,
  owner: credential.limit?.pool
    ? `pool "${credential.limit.pool}"`
    : `credential ${credential.index + 1} of service "${entry.id}"`,
  limit: credential.limit ?? {},
  timeout: timeoutOf(credential.limit, entry.limit),
})

/**
 * Finds the lane of a target. `now` returns milliseconds. `onChange` is called when the limits of queued requests may
 * have changed.
 */
export class Lanes {
  #counters = new Map<string, LimitCounters>()
  #lanes = new Map<string, Lane>()
  #groups = new Map<string, LaneGroup>()
  #chat = new WeakMap<Target, Lane | false>()
  #embedding = new WeakMap<Target, Lane | false>()
  /**
   * Entries are numbered in the order in which they are first seen. A higher number belongs to a newer configuration.
   */
  #versions = new WeakMap<Entry, number>()
  #version = 0
  #sweepThreshold = minLanesToSweep

  constructor(
    readonly now: () => number,
    readonly onChange: (group: LaneGroup) => void,
    private readonly healthOf: ((target: Target) => HealthGate) | undefined,
  ) {}

  /** Undefined if nothing limits the target. */
  laneFor(target: Target, embedding: boolean): Lane | undefined {
    const known = (embedding ? this.#embedding : this.#chat).get(target)
    if (known !== undefined) return known || undefined
    if (this.#lanes.size > this.#sweepThreshold) this.#sweep()
    const lane = this.#findOrCreateLane(target, embedding)
    ;(embedding ? this.#embedding : this.#chat).set(target, lane ?? false)
    return lane
  }

  #findOrCreateLane(target: Target, embedding: boolean): Lane | undefined {
    const group = this.#groupFor(groupKeyOf(target.entry, embedding))
    const limitKeys = embedding
      ? [entryLimitKey(target, true)]
      : [entryLimitKey(target, false), credentialLimitKey(target)]
    const found = distinctKeys(limitKeys).flatMap(limitKey => {
      const gate = this.#countersFor(limitKey, target.entry, group)
      return gate ? [{ key: limitKey.key, gate }] : []
    })
    const health = this.healthOf?.(target)
    if (found.length === 0 && !health) return undefined
    const key = [...found.map(one => one.key), ...(health ? [`target ${target.id}`] : [])].join(' + ')
    const counterSets: CounterSet[] = found.map(one => one.gate)
    health?.setLimits([...counterSets])
    if (health) counterSets.push(health)
    const lane = this.#lanes.get(key) ?? {
      counterSets,
      timeout: limitKeys.map(one => one.timeout).find(isSet),
      health,
      group,
      lastVisit: 0,
    }
    this.#lanes.set(key, lane)
    return lane
  }

  /**
   * The counters of a key, set to the key's limits. Undefined if it limits nothing; requests that wait for its former
   * counters are then released.
   */
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

  /**
   * Removes idle lanes: behind a wildcard, clients name the models, so their number is unbounded. An idle lane can be
   * created again without loss.
   */
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
