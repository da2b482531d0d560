/** Times of work that is this process's alone. */

/**
 * Begins; gives a function that tells the milliseconds since. Of the clock's time and the processor's the lesser: a machine that is busy with
 * other work stretches the one, a compiler or collector that works beside adds to the other.
 */
export const stopwatch = (): (() => number) => {
  const [startedAt, cpuAtStart] = [performance.now(), process.cpuUsage()]
  return () => {
    const { user, system } = process.cpuUsage(cpuAtStart)
    return Math.min(performance.now() - startedAt, (user + system) / 1000)
  }
}
