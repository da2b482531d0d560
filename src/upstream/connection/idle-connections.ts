/** Connections that may lie idle: only a request that can have been sent on one of them may have met one that had died unnoticed. */

export type IdleConnections = {
  /** A request begins: may it have been given an idle connection to `door`? That one is in use then. */
  take(poolKey: string): boolean
  /** An exchange ended well and has left its connection idle. */
  release(poolKey: string): void
}

/** Longer than servers keep an idle connection, in milliseconds. */
const maxIdleTime = 15 * 60_000
/** As many as Bun keeps. */
const maxPerPool = 64
/** Doors that are remembered; more than a configuration names. */
const maxPools = 4096

export const createIdleConnections = (): IdleConnections => {
  const pools = new Map<string, { count: number; releasedAt: number }>()

  const take = (poolKey: string): boolean => {
    const known = pools.get(poolKey)
    if (known === undefined || known.count === 0) return false
    known.count--
    return performance.now() - known.releasedAt < maxIdleTime
  }

  const release = (poolKey: string): void => {
    const known = pools.get(poolKey)
    if (known) {
      known.count = Math.min(known.count + 1, maxPerPool)
      known.releasedAt = performance.now()
      return
    }
    if (pools.size >= maxPools) pools.clear()
    pools.set(poolKey, { count: 1, releasedAt: performance.now() })
  }

  return { take, release }
}
