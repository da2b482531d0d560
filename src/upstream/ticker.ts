/** One clock for the deadlines and heartbeats of all requests: a timer each would cost more than the work it guards. */

/** Milliseconds between two looks. Deadlines and heartbeats are this precise. */
export const beat = 250

/** Told the time (milliseconds of `performance.now()`) at every beat until it is stopped. */
export type Ticking = { tick: (now: number) => void }

const watched = new Set<Ticking>()
let timer: ReturnType<typeof setInterval> | undefined

/** The clock runs only while somebody is watched. */
export const startTicking = (ticking: Ticking): void => {
  watched.add(ticking)
  timer ??= setInterval(strike, beat)
}

export const stopTicking = (ticking: Ticking): void => {
  watched.delete(ticking)
  if (watched.size > 0 || timer === undefined) return
  clearInterval(timer)
  timer = undefined
}

const strike = () => {
  const now = performance.now()
  for (const ticking of watched) ticking.tick(now)
}
