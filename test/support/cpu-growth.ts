/** Measures how the CPU time of some work grows with its size. */

/** `reached`: the largest size was tried before the work took 5 ms. */
export type Growth = { size: number; milliseconds: number; ratio: number } | { reached: number; milliseconds: number }

/** How many times larger the second size is. */
export const factor = 16
/** The most by which the time may grow. Work in linear time takes 16 times as long, quadratic work 256 times. */
export const maxRatio = 24

/**
 * The most in `npm test`, where many processes share the machine: collecting garbage and warming up then make linear
 * work look up to 30 times as long. Quadratic work is far beyond it.
 */
export const maxRatioUnderLoad = 64

const smallestSize = 128
const leastMilliseconds = 5
const runs = 5
const measurements = 5

type Work = () => unknown
/** Prepares the work of a size. Only the work itself is measured. */
export type Prepare = (size: number) => Work

const timeOnce = async (work: Work): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The least of several runs. Garbage of earlier work is collected before the first. */
const leastTime = async (work: Work, count = runs): Promise<number> => {
  Bun.gc(true)
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < count; run++) least = Math.min(least, await timeOnce(work))
  return least
}

/**
 * Doubles the size until the work takes 5 ms, then measures it and work 16 times as large. A ratio beyond the limit is
 * measured again, because collecting garbage and compiling count as CPU time too: quadratic work never comes below.
 */
export const cpuGrowth = async (prepare: Prepare, maxSize: number, limit = maxRatio): Promise<Growth> => {
  let size = Math.min(smallestSize, maxSize)
  await prepare(size)()
  for (;;) {
    const milliseconds = await leastTime(prepare(size), 2)
    if (milliseconds >= leastMilliseconds) break
    if (size * 2 * factor > maxSize) return { reached: size, milliseconds }
    size *= 2
  }
  let best = { size, milliseconds: 0, ratio: Number.POSITIVE_INFINITY }
  for (let turn = 0; turn < measurements && best.ratio > limit; turn++) {
    const milliseconds = await leastTime(prepare(size))
    // One run of the larger work is enough to show that the time does not grow too much.
    const large = await leastTime(prepare(size * factor), turn === 0 ? 1 : runs)
    if (large / milliseconds < best.ratio) best = { size, milliseconds, ratio: large / milliseconds }
    if (best.ratio > 4 * maxRatio) break
  }
  return best
}
