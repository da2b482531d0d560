/** Puts one load on one server and measures the cost. */
import { join } from 'node:path'
import { defaultJob, type Job, type Tally } from './load-job.ts'
import { type CpuClock, clockOf, cpuBetween, launch, linesOf, memoryOf, resetPeak } from './processes.ts'
import {
  defaultRoundLimits,
  type Figures,
  measureRounds,
  measureSets,
  type RoundLimits,
  type RoundsResult,
} from './rounds.ts'
import { bun, root, type ServerProcess, stopAll, unboundedEnv } from './servers.ts'

export type JobOptions = Partial<Job> & { mode: Job['mode'] }
/** `scale` multiplies durations: 1, or less for a quick trial. */
export type Run = { vendor: ServerProcess; includesBareBun: boolean; scale: number }

const phases = ['open', 'closing'] as const
export type LoadPhase = (typeof phases)[number]
const isPhase = (line: string): line is LoadPhase => (phases as readonly string[]).includes(line)

export const printProgress = (text: string): void => console.error(text)

/** Runs a load. `onPhase` is called when every stream has begun, and when after that the first one has ended. */
export const runLoad = async (
  server: ServerProcess,
  options: JobOptions,
  onPhase: (phase: LoadPhase) => void = () => {},
): Promise<Tally> => {
  const job: Job = { ...defaultJob, ...options, ...server.jobOverrides, url: server.url }
  const child = launch([bun, join(root, 'bench/load.ts'), JSON.stringify(job)], { stdout: 'pipe', env: unboundedEnv })
  let last = ''
  for await (const line of linesOf(child)) {
    if (isPhase(line)) onPhase(line)
    else last = line
  }
  if ((await child.exited) !== 0) throw new Error(`the load on ${server.name} failed`)
  return JSON.parse(last) as Tally
}

/** @throws Error if a frame is lost. */
const runLoadWithoutLoss = async (...args: Parameters<typeof runLoad>): Promise<Tally> => {
  const tally = await runLoad(...args)
  if (tally.lost !== 0) throw new Error(`${tally.lost} frames lost by ${args[0].name}`)
  return tally
}

/**
 * Measures CPU time (µs) for each request or frame, the rate, the throughput (MB/s) and peak memory (MB). The CPU time
 * of a paced frame counts only while all streams are open, because starting a stream is a request. `begun` includes the
 * starts and ends of the streams.
 */
export const measureCost = async (server: ServerProcess, options: JobOptions): Promise<Figures> => {
  resetPeak(server.pid)
  const first = clockOf(server.pid)
  const clocks: Record<LoadPhase, CpuClock> = { open: first, closing: first }
  const startedAt = performance.now()
  const { done, doneWhileAllOpen, bytes, p50, p99 } = await runLoadWithoutLoss(server, options, phase => {
    clocks[phase] = clockOf(server.pid)
  })
  const elapsed = (performance.now() - startedAt) / 1000
  const last = clockOf(server.pid)
  const isPaced = options.mode === 'paced'
  if (isPaced && doneWhileAllOpen <= 0)
    throw new Error(`the streams through ${server.name} never were all open at once`)
  const [from, until, count] = isPaced ? [clocks.open, clocks.closing, doneWhileAllOpen] : [first, last, done]
  const seconds = isPaced ? elapsed : (options.seconds ?? defaultJob.seconds)
  return {
    cpu: cpuBetween(from, until) / count,
    begun: cpuBetween(first, last) / done,
    compilers: Math.max(0, until.compilers - from.compilers) / 1000 / count,
    p50,
    p99,
    rate: done / seconds,
    flow: bytes / seconds / 1e6,
    peak: memoryOf(server.pid, 'VmHWM'),
  }
}

/**
 * Warms a server up with all the stream starts that three seconds hold (about ten thousand) and with 60,000 frames.
 * After those the JIT compilers are idle.
 */
export const warmUp = async (server: ServerProcess, { scale }: Run): Promise<void> => {
  await runLoadWithoutLoss(server, { mode: 'bulk', seconds: 3 * scale, frames: 2 })
  await runLoadWithoutLoss(server, {
    mode: 'paced',
    connections: 100,
    frames: Math.ceil(600 * scale),
    frameInterval: 5,
    ramp: 20,
  })
}

/** Compares paced streams in fresh processes. nginx is compiled ahead of time and needs no warm-up. */
export const comparePaced = (
  title: string,
  start: () => Promise<ServerProcess[]>,
  options: JobOptions,
  { sets, rounds }: { sets: number; rounds: number },
  run: Run,
): Promise<RoundsResult> => {
  const startAndWarmUp = async () => {
    const servers = await start()
    for (const server of servers) if (server.name !== 'nginx') await warmUp(server, run)
    return servers
  }
  const counts = run.scale < 1 ? { sets: 1, rounds: 1 } : { sets, rounds }
  return measureSets({ ...counts, start: startAndWarmUp, stop: stopAll }, server =>
    measureAndPrint(title, server, scaleJob(options, run)),
  )
}

/**
 * Measures the servers in turn until their figures are steady, and prints each round. `maxMilliseconds`: for all rounds
 * together.
 */
export const compare = async (
  title: string,
  servers: ServerProcess[],
  options: JobOptions,
  { scale }: Run,
  { watchedFigure = 'cpu', ...overrides }: Partial<RoundLimits> & { watchedFigure?: string } = {},
): Promise<RoundsResult> => {
  const limits = { ...defaultRoundLimits, ...overrides }
  const scaledLimits = scale < 1 ? { ...limits, least: 1, most: 2 } : limits
  return measureRounds(
    servers,
    watchedFigure,
    server => measureAndPrint(title, server, scaleJob(options, { scale }), watchedFigure),
    scaledLimits,
  )
}

const measureAndPrint = async (
  title: string,
  server: ServerProcess,
  options: JobOptions,
  watchedFigure = 'cpu',
): Promise<Figures> => {
  const figures = await measureCost(server, options)
  const compilers = figures['compilers']! > 0.05 ? `, compilers ${figures['compilers']!.toFixed(1)}` : ''
  printProgress(`${title}: ${server.name} ${figures[watchedFigure]!.toFixed(1)} µs${compilers}`)
  return figures
}

const scaleJob = (options: JobOptions, { scale }: Pick<Run, 'scale'>): JobOptions => {
  const { frames = 0, seconds = defaultJob.seconds } = options
  return { ...options, seconds: seconds * scale, frames: options.mode === 'paced' ? Math.ceil(frames * scale) : frames }
}
