/**
 * One timer for the deadlines and heartbeats of all requests. A timer per request would cost more than the work it
 * guards.
 */

import { type Indexed, IndexedList } from './indexed-list.ts'

/** Milliseconds between two ticks. Deadlines and heartbeats have this precision. */
const tickInterval = 250

/** `tick` receives the time (milliseconds of `performance.now()`) at every tick until ticking is stopped. */
export type Tickable = Indexed & { tick: (now: number) => void }

const tickables = new IndexedList<Tickable>()
let timer: ReturnType<typeof setInterval> | undefined

export const startTicking = (tickable: Tickable): void => {
  tickables.add(tickable)
  timer ??= setInterval(tickAll, tickInterval)
}

/** The timer itself stops at the first tick that finds nothing to call, not between two requests. */
export const stopTicking = (tickable: Tickable): void => void tickables.delete(tickable)

const tickAll = () => {
  const now = performance.now()
  for (const tickable of tickables) if (tickable.listIndex !== undefined) tickable.tick(now)
  if (tickables.size > 0) return
  clearInterval(timer)
  timer = undefined
}
