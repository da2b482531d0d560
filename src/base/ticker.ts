/** One clock for the deadlines and heartbeats of all requests: a timer each would cost more than the work it guards. */

import { type Indexed, IndexedList } from './indexed-list.ts'

/** Milliseconds between two looks. Deadlines and heartbeats are this precise. */
export const tickInterval = 250

/** Told the time (milliseconds of `performance.now()`) at every beat until it is stopped. */
export type Tickable = Indexed & { tick: (now: number) => void }

const watched = new IndexedList<Tickable>()
let timer: ReturnType<typeof setInterval> | undefined

export const startTicking = (ticking: Tickable): void => {
  watched.add(ticking)
  timer ??= setInterval(strike, tickInterval)
}

/** The clock itself stops at the next beat that finds nobody, not between two requests. */
export const stopTicking = (ticking: Tickable): void => void watched.delete(ticking)

const strike = () => {
  const now = performance.now()
  for (const ticking of watched) if (ticking.listIndex !== undefined) ticking.tick(now)
  if (watched.size > 0) return
  clearInterval(timer)
  timer = undefined
}
