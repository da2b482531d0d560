/** Measures the duration of work in this process. */

/**
 * Starts a stopwatch and returns a function that gives the elapsed milliseconds: the smaller of wall-clock time and
 * CPU time. Other work on the machine inflates the wall-clock time; a compiler or garbage collector on another thread
 * inflates the CPU time.
 */
export const stopwatch = (): (() => number) => {
  const [startedAt, cpuAtStart] = [performance.now(), process.cpuUsage()]
  return () => {
    const { user, system } = process.cpuUsage(cpuAtStart)
    return Math.min(performance.now() - startedAt, (user + system) / 1000)
  }
}
