/** One load on one place, and what it cost. */
import { join } from 'node:path'
import { bun, type Place, root, unbounded } from './contenders.ts'
import { type Job, ordinary, type Tally } from './job.ts'
import { clockOf, cpuBetween, launch, linesOf, memoryOf, resetPeak } from './processes.ts'
import { type Figures, type Patience, patience, type Steady, takeTurns } from './rounds.ts'

export type Wish = Partial<Job> & { mode: Job['mode'] }
/** How long everything takes: 1, or less for a try. */
export type Run = { vendor: Place; bare: boolean; scale: number }

export const say = (text: string): void => console.error(text)

/** Starts a load; `opened` is called when every stream has begun. */
export const load = async (place: Place, wish: Wish, opened: () => void = () => {}): Promise<Tally> => {
  const job: Job = { ...ordinary, ...wish, ...place.asks, url: place.url }
  const child = launch([bun, join(root, 'bench/load.ts'), JSON.stringify(job)], { stdout: 'pipe', env: unbounded })
  let last = ''
  for await (const line of linesOf(child)) {
    if (line === 'open') opened()
    else last = line
  }
  if ((await child.exited) !== 0) throw new Error(`the load on ${place.name} failed`)
  return JSON.parse(last) as Tally
}

/**
 * µs of CPU for a request or frame, how many of them and how many bytes a second, and the peak of memory in MB. A paced frame is weighed from
 * when all streams are open: their beginnings are requests. `begun`: the same with them.
 */
export const weigh = async (place: Place, wish: Wish): Promise<Figures> => {
  resetPeak(place.pid)
  const first = clockOf(place.pid)
  const began = performance.now()
  let before = first
  const { done, early, lost, bytes, p50, p99 } = await load(place, wish, () => {
    before = clockOf(place.pid)
  })
  const seconds = wish.mode === 'paced' ? (performance.now() - began) / 1000 : (wish.seconds ?? ordinary.seconds)
  if (lost !== 0) throw new Error(`${lost} frames lost by ${place.name}`)
  const after = clockOf(place.pid)
  const cpu = cpuBetween(before, after) / (done - early)
  const compilers = Math.max(0, after.compilers - before.compilers) / 1000 / done
  return {
    cpu,
    begun: cpuBetween(first, after) / done,
    compilers,
    p50,
    p99,
    rate: done / seconds,
    flow: bytes / seconds / 1e6,
    peak: memoryOf(place.pid, 'VmHWM'),
  }
}

/** What the compilers would see in half a minute of streams, and in the beginnings of a thousand. */
export const warm = async (place: Place, milliseconds: number, { scale }: Run): Promise<void> => {
  const paced = { mode: 'paced', connections: 100, pace: 5, ramp: 20 } as const
  for (let turn = 0; turn < 10 * scale; turn++) await weigh(place, { ...paced, frames: 10 })
  await weigh(place, { ...paced, frames: Math.ceil((milliseconds * scale) / 5) })
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
  const asked = { ...wish, seconds: (wish.seconds ?? ordinary.seconds) * scale, frames: framesOf(wish, scale) }
  const steady = await takeTurns(
    places,
    watched,
    async place => {
      const figures = await weigh(place, asked)
      const compilers = figures['compilers']! > 0.05 ? `, compilers ${figures['compilers']!.toFixed(1)}` : ''
      say(`${title}: ${place.name} ${figures[watched]!.toFixed(1)} µs${compilers}`)
      return figures
    },
    allowed,
  )
  return steady
}

const framesOf = ({ mode, frames = 0 }: Wish, scale: number): number =>
  mode === 'paced' ? Math.ceil(frames * scale) : frames

/** `after 5 rounds`, and whether that was enough. */
export const told = (title: string, { rounds, settled }: Steady): string =>
  `${title}: ${rounds} rounds${settled ? '' : ', still moving'}`
