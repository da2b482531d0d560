/**
 * Counts connections that may be idle. Only a request that may have reused one of them can have met a connection that
 * had died unnoticed.
 */

export type IdleConnections = {
  /**
   * A request begins. Returns true if it may reuse an idle connection of `poolKey`, and counts that connection as in
   * use.
   */
  take(poolKey: string): boolean
  /** A response ended well and left its connection idle. */
  release(poolKey: string): void
}

/** Milliseconds. Longer than servers keep an idle connection. */
const maxIdleTime = 15 * 60_000
/** As many idle connections as Bun keeps. */
const maxPerPool = 64
/** Maximum pools to remember: more than a configuration names. */
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
