/** One clock for the deadlines and heartbeats of all requests: a timer each would cost more than the work it guards. */

import { type Indexed, IndexedList } from './indexed-list.ts'

/** Milliseconds between two looks. Deadlines and heartbeats are this precise. */
export const tickInterval = 250

/** Told the time (milliseconds of `performance.now()`) at every beat until it is stopped. */
export type Tickable = Indexed & { tick: (now: number) => void }

const tickables = new IndexedList<Tickable>()
let timer: ReturnType<typeof setInterval> | undefined

export const startTicking = (tickable: Tickable): void => {
  tickables.add(tickable)
  timer ??= setInterval(tickAll, tickInterval)
}

/** The clock itself stops at the next beat that finds nobody, not between two requests. */
export const stopTicking = (tickable: Tickable): void => void tickables.delete(tickable)

const tickAll = () => {
  const now = performance.now()
  for (const tickable of tickables) if (tickable.listIndex !== undefined) tickable.tick(now)
  if (tickables.size > 0) return
  clearInterval(timer)
  timer = undefined
}
