/** The parts of the benchmark. Each one starts what it needs, measures, and returns a table. */
import type { GatewayOptions } from './configs.ts'
import { compare, comparePaced, printProgress, type Run, runLoad, warmUp } from './measure.ts'
import { clockOf, cpuBetween, memoryOf, openFiles, resetPeak } from './processes.ts'
import { describeRounds, type Figures, listRounds, median, type RoundsResult } from './rounds.ts'
import { type ServerProcess, startAll, startGateway, stopAll } from './servers.ts'
import type { Row, Table } from './table.ts'

const columns = ['nginx', 'bare Bun', 'gateway']

const valuesByColumn = (figures: Map<string, Figures>, value: (figures: Figures) => number): (number | undefined)[] =>
  columns.map(name => {
    const found = figures.get(name)
    return found && value(found)
  })
const onlyGateway = (value: number): (number | undefined)[] => [undefined, undefined, value]

/** Milliseconds from launching the gateway to its first answer: the median of nine starts. */
const startupTime = async (vendor: ServerProcess): Promise<number> => {
  const times: number[] = []
  for (let turn = 0; turn < 9; turn++) {
    const startedAt = performance.now()
    const gateway = await startGateway(vendor)
    times.push(performance.now() - startedAt)
    await gateway.stop()
  }
  return median(times)
}

const addedLatency = ({ figures }: RoundsResult, percentile: 'p50' | 'p99'): (number | undefined)[] =>
  valuesByColumn(figures, found => found[percentile]! - figures.get('vendor')![percentile]!)

export const measureRequests = async (run: Run): Promise<Table> => {
  const start = await startupTime(run.vendor)
  const pacedJob = { mode: 'paced', connections: 100, frames: 150, frameInterval: 20, ramp: 20 } as const
  const startServers = () => startAll(run.vendor, run.includesBareBun)
  const frames = await comparePaced('a frame', startServers, pacedJob, { sets: 3, rounds: 3 }, run)
  const servers = await startServers()
  const gateway = servers.at(-1)!
  await Bun.sleep(1000)
  const memoryIdle = memoryOf(gateway.pid)
  const requests = await compare('a request', servers, { mode: 'whole', seconds: 2 }, run, { maxMilliseconds: 32_000 })
  const singleJob = { mode: 'whole', connections: 1, seconds: 2 } as const
  const latency = await compare('p50', [run.vendor, ...servers], singleJob, run, {
    watchedFigure: 'p50',
    minRounds: 3,
    maxMilliseconds: 20_000,
  })
  const memoryAfter = memoryOf(gateway.pid)
  await stopAll(servers)
  const rows: Row[] = [
    {
      label: 'CPU a request',
      unit: 'µs',
      values: valuesByColumn(requests.figures, found => found['cpu']!),
      ceiling: { ratio: 4 },
    },
    {
      label: 'CPU a frame, 20 ms apart',
      unit: 'µs',
      values: valuesByColumn(frames.figures, found => found['cpu']!),
      ceiling: { ratio: 2 },
    },
    {
      label: 'the same, with the start and end of streams of 150 frames',
      unit: 'µs',
      values: valuesByColumn(frames.figures, found => found['begun']!),
    },
    { label: 'added latency, p50', unit: 'µs', values: addedLatency(latency, 'p50') },
    { label: 'added latency, p99', unit: 'µs', values: addedLatency(latency, 'p99'), omitsRatio: true },
    { label: 'start to first answer', unit: 'ms', values: onlyGateway(start), ceiling: { max: 60 } },
    { label: 'memory, idle', unit: 'MB', values: onlyGateway(memoryIdle), ceiling: { max: 60 } },
    { label: 'memory after these rounds', unit: 'MB', values: onlyGateway(memoryAfter) },
    {
      label: 'requests a second',
      unit: '',
      values: valuesByColumn(requests.figures, found => found['rate']!),
      omitsRatio: true,
    },
  ]
  const about = `Requests are short and use 16 connections. 100 streams send one frame every 20 ms. Latency uses one connection; the time the vendor itself takes is subtracted.\n\n${listRounds([describeRounds('Requests', requests), describeRounds('Frames', frames), describeRounds('Latency', latency)])}`
  return { title: 'A request, a frame', about, columns, rows: markPlotted(rows, 0, 1, 3) }
}

const markPlotted = (rows: Row[], ...indexes: number[]): Row[] =>
  rows.map((row, at) => (indexes.includes(at) ? { ...row, isPlotted: true } : row))

export const measureBulk = async (run: Run): Promise<Table> => {
  const servers = await startAll(run.vendor, run.includesBareBun)
  const jobOptions = { mode: 'bulk', seconds: 1.5, frames: 2000 } as const
  const result = await compare('a frame in bulk', servers, jobOptions, run, { maxMilliseconds: 22_000 })
  await stopAll(servers)
  const rows: Row[] = [
    { label: 'CPU a frame, in bulk', unit: 'µs', values: valuesByColumn(result.figures, found => found['cpu']!) },
    {
      label: 'frames a second',
      unit: '',
      values: valuesByColumn(result.figures, found => found['rate']!),
      omitsRatio: true,
    },
  ]
  const about = `16 streams at a time, 2,000 frames each, sent as fast as the client reads them. ${describeRounds('Measured', result)}.`
  return { title: 'Streams in bulk', about, columns, rows: markPlotted(rows, 0) }
}

/** Each stream needs a socket to the client and one to the vendor. 500 files are reserved. */
const maxStreams = (): number => Math.min(5000, Math.floor((openFiles() - 500) / 2))

type OpenStreamFigures = Figures & { lost: number }

/** Measures the memory that open streams add to a process that is already warm. */
const loadOpenStreams = async (server: ServerProcess, streams: number, run: Run): Promise<OpenStreamFigures> => {
  await warmUp(server, run)
  const before = memoryOf(server.pid)
  resetPeak(server.pid)
  let cpu = Number.NaN
  let sampling: Promise<void> | undefined
  const sampleCpu = async () => {
    const clock = clockOf(server.pid)
    await Bun.sleep(4000)
    cpu = cpuBetween(clock, clockOf(server.pid)) / 4e6
  }
  const jobOptions = { mode: 'paced', connections: streams, frames: 11, frameInterval: 1000, ramp: 3000 } as const
  const { lost } = await runLoad(server, jobOptions, () => {
    sampling ??= sampleCpu()
  })
  if (!sampling) throw new Error(`${server.name} never had all streams open at once`)
  await sampling
  const peak = memoryOf(server.pid, 'VmHWM')
  printProgress(
    `${streams} streams: ${server.name} ${(peak - before).toFixed(1)} MB, ${(cpu * 100).toFixed(1)} % of a core`,
  )
  return { cpu, lost, peak, each: ((peak - before) * 1024) / streams }
}

export const measureOpenStreams = async (run: Run): Promise<Table> => {
  const streams = maxStreams()
  const servers = await startAll(run.vendor, run.includesBareBun)
  const figures = new Map<string, OpenStreamFigures>()
  for (const server of servers) figures.set(server.name, await loadOpenStreams(server, streams, run))
  await stopAll(servers)
  const rows: Row[] = [
    { label: 'memory a stream', unit: 'KB', values: valuesByColumn(figures, found => found['each']!) },
    { label: 'peak memory', unit: 'MB', values: valuesByColumn(figures, found => found['peak']!) },
    {
      label: 'CPU a frame, 5,000 a second',
      unit: 'µs',
      values: valuesByColumn(figures, found => (found['cpu']! * 1e6) / streams),
    },
    { label: 'of one core', unit: '%', values: valuesByColumn(figures, found => found['cpu']! * 100) },
    { label: 'frames lost', unit: '', values: valuesByColumn(figures, found => found['lost']!), ceiling: { max: 0 } },
  ]
  const count = streams.toLocaleString('en-US')
  const files = `\`ulimit -n\` is ${openFiles().toLocaleString('en-US')}${streams < 5000 ? ': 5,000 streams need 10,500, so fewer were opened' : ''}`
  const about = `${count} streams are open at the same time, and each sends one frame per second; ${files}. Memory is the increase over the same process just before. CPU is measured over 4 s with all streams open. Measured once.`
  return { title: `${count} open streams`, about, columns, rows: markPlotted(rows, 0, 2) }
}

const bodyCases = [
  ['request of 100 KB', { connections: 16, requestBytes: 100_000 }],
  ['answer of 100 KB', { connections: 16, responseBytes: 100_000 }],
  ['request of 10 MB', { connections: 2, requestBytes: 10_000_000 }],
  ['answer of 10 MB', { connections: 2, responseBytes: 10_000_000 }],
] as const

export const measureBodies = async (run: Run): Promise<Table> => {
  const rows: Row[] = []
  const rounds: string[] = []
  for (const [label, size] of bodyCases) {
    const servers = await startAll(run.vendor, run.includesBareBun)
    const jobOptions = { mode: 'whole', seconds: 1, ...size } as const
    const result = await compare(label, servers, jobOptions, run, {
      minRounds: 3,
      maxRounds: 4,
      maxMilliseconds: 12_000,
    })
    await stopAll(servers)
    rows.push(
      {
        label: `CPU, ${label}`,
        unit: 'ms',
        values: valuesByColumn(result.figures, found => found['cpu']! / 1000),
        isPlotted: true,
      },
      {
        label: 'throughput, both directions',
        unit: 'MB/s',
        values: valuesByColumn(result.figures, found => found['flow']!),
        omitsRatio: true,
      },
      {
        label: 'peak memory',
        unit: 'MB',
        values: valuesByColumn(result.figures, found => found['peak']!),
        omitsRatio: true,
      },
    )
    rounds.push(describeRounds(label, result))
  }
  const about = `16 connections with bodies of 100 KB, two with 10 MB. The body in the other direction is short.\n\n${listRounds(rounds)}`
  return { title: 'Large bodies', about, columns, rows }
}

const variants: [name: string, options: GatewayOptions][] = [
  ['nothing', { keys: 0, hasLimits: false, log: 'none' }],
  ['100 keys, 3 limits', { keys: 100, hasLimits: true, log: 'none' }],
  ['log to a file', { keys: 0, hasLimits: false, log: 'file' }],
  ['all of it', { keys: 100, hasLimits: true, log: 'file' }],
]

export const measureOptions = async (run: Run): Promise<Table> => {
  const servers: ServerProcess[] = []
  for (const [name, options] of variants) servers.push({ ...(await startGateway(run.vendor, options)), name })
  const jobOptions = { mode: 'whole', seconds: 1.5, keys: 100 } as const
  const result = await compare('with options', servers, jobOptions, run, { maxMilliseconds: 32_000 })
  await stopAll(servers)
  const names = variants.map(([name]) => name)
  const values = names.map(name => result.figures.get(name)!['cpu'])
  return {
    title: 'Keys, limits, log',
    about: `The gateway alone: 100 client keys in turn; \`qpm\`, \`tpm\` and \`concurrency\` on the entry; one log line per request. ${describeRounds('Measured', result)}.`,
    columns: names,
    rows: [{ label: 'CPU a request', unit: 'µs', values }],
  }
}
