/** Connections that may lie idle: only a request that can have been sent on one of them may have met one that had died unnoticed. */

export type IdleConnections = {
  /** A request begins: may it have been given an idle connection to `door`? That one is in use then. */
  take(poolKey: string): boolean
  /** An exchange ended well and has left its connection idle. */
  leave(poolKey: string): void
}

/** Longer than servers keep an idle connection, in milliseconds. */
const keptFor = 15 * 60_000
/** As many as Bun keeps. */
const most = 64
/** Doors that are remembered; more than a configuration names. */
const mostDoors = 4096

export const createIdleConnections = (): IdleConnections => {
  const doors = new Map<string, { count: number; at: number }>()

  const take = (poolKey: string): boolean => {
    const known = doors.get(poolKey)
    if (known === undefined || known.count === 0) return false
    known.count--
    return performance.now() - known.at < keptFor
  }

  const leave = (poolKey: string): void => {
    const known = doors.get(poolKey)
    if (known) {
      known.count = Math.min(known.count + 1, most)
      known.at = performance.now()
      return
    }
    if (doors.size >= mostDoors) doors.clear()
    doors.set(poolKey, { count: 1, at: performance.now() })
  }

  return { take, leave }
}
