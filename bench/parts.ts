/** The parts of the benchmark: each starts what it needs, measures, and hands back a table. */
import type { Options } from './configs.ts'
import { type Place, startAll, startGateway, stopAll } from './contenders.ts'
import { compare, load, type Run, say, trickle, warm } from './measure.ts'
import { clockOf, cpuBetween, memoryOf, openFiles, resetPeak } from './processes.ts'
import { type Figures, median, type Steady, told } from './rounds.ts'
import type { Row, Table } from './table.ts'

const columns = ['nginx', 'bare Bun', 'gateway']

const across = (figures: Map<string, Figures>, value: (figures: Figures) => number): (number | undefined)[] =>
  columns.map(name => {
    const found = figures.get(name)
    return found && value(found)
  })
const onlyGateway = (value: number): (number | undefined)[] => [undefined, undefined, value]

/** Milliseconds from nothing to the first answer. */
const startTime = async (vendor: Place): Promise<number> => {
  const times: number[] = []
  for (let turn = 0; turn < 9; turn++) {
    const began = performance.now()
    const gateway = await startGateway(vendor)
    times.push(performance.now() - began)
    await gateway.stop()
  }
  return median(times)
}

const added = ({ figures }: Steady, share: 'p50' | 'p99'): (number | undefined)[] =>
  across(figures, found => found[share]! - figures.get('vendor')![share]!)

export const first = async (run: Run): Promise<Table> => {
  const start = await startTime(run.vendor)
  const paced = { mode: 'paced', connections: 100, frames: 150, pace: 20, ramp: 20 } as const
  const startAnew = () => startAll(run.vendor, run.bare)
  const frames = await trickle('a frame', startAnew, paced, { sets: 3, rounds: 3 }, run)
  const places = await startAnew()
  const gateway = places.at(-1)!
  await Bun.sleep(1000)
  const idle = memoryOf(gateway.pid)
  const whole = await compare('a request', places, { mode: 'whole', seconds: 2 }, run, { milliseconds: 32_000 })
  const single = { mode: 'whole', connections: 1, seconds: 2 } as const
  const one = await compare('p50', [run.vendor, ...places], single, run, {
    watched: 'p50',
    least: 3,
    milliseconds: 20_000,
  })
  const after = memoryOf(gateway.pid)
  await stopAll(places)
  const rows: Row[] = [
    { what: 'CPU a request', unit: 'µs', values: across(whole.figures, found => found['cpu']!), ceiling: { ratio: 4 } },
    {
      what: 'CPU a frame, 20 ms apart',
      unit: 'µs',
      values: across(frames.figures, found => found['cpu']!),
      ceiling: { ratio: 2 },
    },
    {
      what: 'the same, with beginnings and ends of streams of 150',
      unit: 'µs',
      values: across(frames.figures, found => found['begun']!),
    },
    { what: 'added latency, p50', unit: 'µs', values: added(one, 'p50') },
    { what: 'added latency, p99', unit: 'µs', values: added(one, 'p99'), plain: true },
    { what: 'start to first answer', unit: 'ms', values: onlyGateway(start), ceiling: { atMost: 60 } },
    { what: 'memory, idle', unit: 'MB', values: onlyGateway(idle), ceiling: { atMost: 60 } },
    { what: 'memory after these rounds', unit: 'MB', values: onlyGateway(after) },
    { what: 'requests a second', unit: '', values: across(whole.figures, found => found['rate']!), plain: true },
  ]
  const about = `Short requests over 16 connections, 100 streams of a frame each 20 ms, and for latency one connection, above what the vendor itself needs. ${[told('Requests', whole), told('frames', frames), told('latency', one)].join('; ')}.`
  return { title: 'A request, a frame', about, columns, rows: plotted(rows, 0, 1, 3) }
}

const plotted = (rows: Row[], ...which: number[]): Row[] =>
  rows.map((row, at) => (which.includes(at) ? { ...row, plotted: true } : row))

export const bulk = async (run: Run): Promise<Table> => {
  const places = await startAll(run.vendor, run.bare)
  const wish = { mode: 'bulk', seconds: 1.5, frames: 2000 } as const
  const steady = await compare('a frame in bulk', places, wish, run, { milliseconds: 22_000 })
  await stopAll(places)
  const rows: Row[] = [
    { what: 'CPU a frame, in bulk', unit: 'µs', values: across(steady.figures, found => found['cpu']!) },
    { what: 'frames a second', unit: '', values: across(steady.figures, found => found['rate']!), plain: true },
  ]
  const about = `16 streams at a time of 2,000 frames each, sent as fast as they are taken. ${told('Measured', steady)}.`
  return { title: 'Streams in bulk', about, columns, rows: plotted(rows, 0) }
}

/** Sockets to the client and to the vendor, and some to spare. */
const streamsPossible = (): number => Math.min(5000, Math.floor((openFiles() - 500) / 2))

type Crowd = Figures & { lost: number }

/** Memory is what the open streams add to a process that is warm already. */
const crowd = async (place: Place, streams: number, run: Run): Promise<Crowd> => {
  await warm(place, run)
  const before = memoryOf(place.pid)
  resetPeak(place.pid)
  let cpu = Number.NaN
  let watched: Promise<void> | undefined
  const watch = async () => {
    const clock = clockOf(place.pid)
    await Bun.sleep(4000)
    cpu = cpuBetween(clock, clockOf(place.pid)) / 4e6
  }
  const wish = { mode: 'paced', connections: streams, frames: 11, pace: 1000, ramp: 3000 } as const
  const { lost } = await load(place, wish, () => {
    watched ??= watch()
  })
  if (!watched) throw new Error(`${place.name} never had all streams open at once`)
  await watched
  const peak = memoryOf(place.pid, 'VmHWM')
  say(`${streams} streams: ${place.name} ${(peak - before).toFixed(1)} MB, ${(cpu * 100).toFixed(1)} % of a core`)
  return { cpu, lost, peak, each: ((peak - before) * 1024) / streams }
}

export const open = async (run: Run): Promise<Table> => {
  const streams = streamsPossible()
  const places = await startAll(run.vendor, run.bare)
  const figures = new Map<string, Crowd>()
  for (const place of places) figures.set(place.name, await crowd(place, streams, run))
  await stopAll(places)
  const rows: Row[] = [
    { what: 'memory a stream', unit: 'KB', values: across(figures, found => found['each']!) },
    { what: 'memory at most, in all', unit: 'MB', values: across(figures, found => found['peak']!) },
    {
      what: 'CPU a frame, 5,000 a second',
      unit: 'µs',
      values: across(figures, found => (found['cpu']! * 1e6) / streams),
    },
    { what: 'of one core', unit: '%', values: across(figures, found => found['cpu']! * 100) },
    { what: 'frames lost', unit: '', values: across(figures, found => found['lost']!), ceiling: { atMost: 0 } },
  ]
  const count = streams.toLocaleString('en-US')
  const files = `\`ulimit -n\` is ${openFiles().toLocaleString('en-US')}${streams < 5000 ? ': 5,000 streams need 10,500, so fewer were opened' : ''}`
  const about = `${count} streams open at once, a frame a second each; ${files}. Memory above that of the same process just before; CPU over 4 s with all of them open. Measured once.`
  return { title: `${count} open streams`, about, columns, rows: plotted(rows, 0, 2) }
}

const bodyCases = [
  ['request of 100 KB', { connections: 16, ask: 100_000 }],
  ['answer of 100 KB', { connections: 16, answer: 100_000 }],
  ['request of 10 MB', { connections: 2, ask: 10_000_000 }],
  ['answer of 10 MB', { connections: 2, answer: 10_000_000 }],
] as const

export const bodies = async (run: Run): Promise<Table> => {
  const rows: Row[] = []
  const rounds: string[] = []
  for (const [what, size] of bodyCases) {
    const places = await startAll(run.vendor, run.bare)
    const wish = { mode: 'whole', seconds: 1, ...size } as const
    const steady = await compare(what, places, wish, run, { least: 3, most: 4, milliseconds: 12_000 })
    await stopAll(places)
    rows.push(
      {
        what: `CPU, ${what}`,
        unit: 'ms',
        values: across(steady.figures, found => found['cpu']! / 1000),
        plotted: true,
      },
      { what: 'both ways', unit: 'MB/s', values: across(steady.figures, found => found['flow']!), plain: true },
      { what: 'memory at most', unit: 'MB', values: across(steady.figures, found => found['peak']!), plain: true },
    )
    rounds.push(told(what, steady))
  }
  const about = `16 connections with 100 KB, two with 10 MB; the other direction is short. ${rounds.join('; ')}.`
  return { title: 'Large bodies', about, columns, rows }
}

const variants: [name: string, options: Options][] = [
  ['nothing', { keys: 0, limited: false, log: 'none' }],
  ['100 keys, 3 limits', { keys: 100, limited: true, log: 'none' }],
  ['log to a file', { keys: 0, limited: false, log: 'file' }],
  ['all of it', { keys: 100, limited: true, log: 'file' }],
]

export const options = async (run: Run): Promise<Table> => {
  const places: Place[] = []
  for (const [name, chosen] of variants) places.push({ ...(await startGateway(run.vendor, chosen)), name })
  const wish = { mode: 'whole', seconds: 1.5, keys: 100 } as const
  const steady = await compare('with options', places, wish, run, { milliseconds: 32_000 })
  await stopAll(places)
  const names = variants.map(([name]) => name)
  const values = names.map(name => steady.figures.get(name)!['cpu'])
  return {
    title: 'Keys, limits, log',
    about: `The gateway alone: a hundred client keys in turn, \`qpm\`, \`tpm\` and \`concurrency\` on the entry, a line of log a request. ${told('Measured', steady)}.`,
    columns: names,
    rows: [{ what: 'CPU a request', unit: 'µs', values }],
  }
}
