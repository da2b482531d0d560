/** One load on one place, and what it cost. */
import { join } from 'node:path'
import { bun, type Place, root, stopAll, unbounded } from './contenders.ts'
import { type Job, ordinary, type Tally } from './job.ts'
import { type Clock, clockOf, cpuBetween, launch, linesOf, memoryOf, resetPeak } from './processes.ts'
import { type Figures, type Patience, patience, type Steady, takeTurns, takeTurnsAnew } from './rounds.ts'

export type Wish = Partial<Job> & { mode: Job['mode'] }
/** How long everything takes: 1, or less for a try. */
export type Run = { vendor: Place; bare: boolean; scale: number }

const moments = ['open', 'closing'] as const
export type Moment = (typeof moments)[number]
const isMoment = (line: string): line is Moment => (moments as readonly string[]).includes(line)

export const say = (text: string): void => console.error(text)

/** Starts a load; `heard` is told when every stream has begun, and when then the first has ended. */
export const load = async (place: Place, wish: Wish, heard: (moment: Moment) => void = () => {}): Promise<Tally> => {
  const job: Job = { ...ordinary, ...wish, ...place.asks, url: place.url }
  const child = launch([bun, join(root, 'bench/load.ts'), JSON.stringify(job)], { stdout: 'pipe', env: unbounded })
  let last = ''
  for await (const line of linesOf(child)) {
    if (isMoment(line)) heard(line)
    else last = line
  }
  if ((await child.exited) !== 0) throw new Error(`the load on ${place.name} failed`)
  return JSON.parse(last) as Tally
}

/** @throws where a frame is lost. */
const loadWhole = async (...asked: Parameters<typeof load>): Promise<Tally> => {
  const tally = await load(...asked)
  if (tally.lost !== 0) throw new Error(`${tally.lost} frames lost by ${asked[0].name}`)
  return tally
}

/**
 * µs of CPU for a request or frame, how many of them and how many bytes a second, and the peak of memory in MB. A paced frame is weighed while all
 * streams are open, for their beginnings are requests. `begun`: the same with their beginnings and ends.
 */
export const weigh = async (place: Place, wish: Wish): Promise<Figures> => {
  resetPeak(place.pid)
  const first = clockOf(place.pid)
  const clocks: Record<Moment, Clock> = { open: first, closing: first }
  const began = performance.now()
  const { done, within, bytes, p50, p99 } = await loadWhole(place, wish, moment => {
    clocks[moment] = clockOf(place.pid)
  })
  const took = (performance.now() - began) / 1000
  const last = clockOf(place.pid)
  const isPaced = wish.mode === 'paced'
  if (isPaced && within <= 0) throw new Error(`the streams through ${place.name} never were all open at once`)
  const [from, until, count] = isPaced ? [clocks.open, clocks.closing, within] : [first, last, done]
  const seconds = isPaced ? took : (wish.seconds ?? ordinary.seconds)
  return {
    cpu: cpuBetween(from, until) / count,
    begun: cpuBetween(first, last) / done,
    compilers: Math.max(0, until.compilers - from.compilers) / 1000 / count,
    p50,
    p99,
    rate: done / seconds,
    flow: bytes / seconds / 1e6,
    peak: memoryOf(place.pid, 'VmHWM'),
  }
}

/** As many beginnings of streams as three seconds hold, some ten thousand, and 60,000 frames: after those the compilers are at rest. */
export const warm = async (place: Place, { scale }: Run): Promise<void> => {
  await loadWhole(place, { mode: 'bulk', seconds: 3 * scale, frames: 2 })
  await loadWhole(place, { mode: 'paced', connections: 100, frames: Math.ceil(600 * scale), pace: 5, ramp: 20 })
}

/** Frames that trickle, weighed in processes that have done nothing else. nginx was compiled before it started and needs no warming. */
export const trickle = (
  title: string,
  start: () => Promise<Place[]>,
  wish: Wish,
  { sets, rounds }: { sets: number; rounds: number },
  run: Run,
): Promise<Steady> => {
  const startWarm = async () => {
    const places = await start()
    for (const place of places) if (place.name !== 'nginx') await warm(place, run)
    return places
  }
  const times = run.scale < 1 ? { sets: 1, rounds: 1 } : { sets, rounds }
  return takeTurnsAnew({ ...times, start: startWarm, stop: stopAll }, place =>
    weighAloud(title, place, scaled(wish, run)),
  )
}

/** In turn until steady, each round said. `milliseconds`: for all rounds together. */
export const compare = async (
  title: string,
  places: Place[],
  wish: Wish,
  { scale }: Run,
  { watched = 'cpu', ...wanted }: Partial<Patience> & { watched?: string } = {},
): Promise<Steady> => {
  const full = { ...patience, ...wanted }
  const allowed = scale < 1 ? { ...full, least: 1, most: 2 } : full
  return takeTurns(places, watched, place => weighAloud(title, place, scaled(wish, { scale }), watched), allowed)
}

const weighAloud = async (title: string, place: Place, wish: Wish, watched = 'cpu'): Promise<Figures> => {
  const figures = await weigh(place, wish)
  const compilers = figures['compilers']! > 0.05 ? `, compilers ${figures['compilers']!.toFixed(1)}` : ''
  say(`${title}: ${place.name} ${figures[watched]!.toFixed(1)} µs${compilers}`)
  return figures
}

const scaled = (wish: Wish, { scale }: Pick<Run, 'scale'>): Wish => {
  const { frames = 0, seconds = ordinary.seconds } = wish
  return { ...wish, seconds: seconds * scale, frames: wish.mode === 'paced' ? Math.ceil(frames * scale) : frames }
}
