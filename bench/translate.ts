/**
 * The translation part of the benchmark: the client speaks one protocol and the vendor another. nginx passes the
 * vendor's bytes to clients that speak the vendor's protocol.
 */
import { defaultOptions, type ServiceType } from './configs.ts'
import { translationTime } from './in-process.ts'
import type { FrameVariation } from './load-job.ts'
import { comparePaced, printProgress, type Run } from './measure.ts'
import { type BenchProtocol, passthroughJob, translatedJob } from './protocols.ts'
import { describeRounds, listRounds, type RoundsResult } from './rounds.ts'
import { nginx, type ServerProcess, startGateway, startNginx } from './servers.ts'
import type { Row, Table } from './table.ts'

type Pair = {
  client: BenchProtocol
  vendor: BenchProtocol
  service: ServiceType
  label: string
  variation?: FrameVariation
}

const pairs: Pair[] = [
  { client: 'openai-chat', vendor: 'anthropic', service: 'claude', label: 'Chat Completions ← Messages' },
  { client: 'anthropic', vendor: 'openai-chat', service: 'openai', label: 'Messages ← Chat Completions' },
  { client: 'openai-chat', vendor: 'gemini', service: 'gemini', label: 'Chat Completions ← Gemini' },
]
/** These have no ceiling. The frame template speeds up the first of them, not the second. */
const pairsWithoutCeiling: Pair[] = [
  { ...pairs[1]!, label: `${pairs[1]!.label}, padded as OpenAI pads`, variation: 'padding' },
  { ...pairs[1]!, label: `${pairs[1]!.label}, no two frames alike`, variation: 'all' },
]

const serversFor = async ({ client, vendor, service }: Pair, run: Run): Promise<ServerProcess[]> => {
  const gateway = await startGateway(run.vendor, { ...defaultOptions, service })
  const translatingGateway = { ...gateway, jobOverrides: translatedJob(client) }
  return nginx
    ? [{ ...(await startNginx(run.vendor)), jobOverrides: passthroughJob(vendor) }, translatingGateway]
    : [translatingGateway]
}

const pacedJob = { mode: 'paced', connections: 100, frames: 100, frameInterval: 20, ramp: 20 } as const

/** Pairs without a ceiling get fewer rounds. */
const measurePair = (pair: Pair, run: Run): Promise<RoundsResult> => {
  const { variation } = pair
  const jobOptions = variation ? { ...pacedJob, variation } : pacedJob
  const counts = variation ? { sets: 1, rounds: 4 } : { sets: 3, rounds: 2 }
  return comparePaced(pair.label, () => serversFor(pair, run), jobOptions, counts, run)
}

const measureInProcess = ({ client, vendor, label }: Pair, { scale }: Run): number => {
  const time = translationTime(client, vendor, Math.ceil(20 * scale))
  printProgress(`${label}, inside: ${time.toFixed(2)} µs`)
  return time
}

export const measureTranslation = async (run: Run): Promise<Table> => {
  const rows: Row[] = []
  const rounds: string[] = []
  for (const pair of [...pairs, ...pairsWithoutCeiling]) {
    const result = await measurePair(pair, run)
    const values = ['nginx', 'gateway'].map(name => result.figures.get(name)?.['cpu'])
    const row: Row = { label: `CPU a frame, ${pair.label}`, unit: 'µs', values }
    rows.push(pair.variation ? row : { ...row, ceiling: { ratio: 2.5 }, isPlotted: true })
    rounds.push(describeRounds(pair.label, result))
  }
  for (const pair of pairs) {
    const values = [undefined, measureInProcess(pair, run)]
    rows.push({ label: `inside, in bulk, ${pair.label}`, unit: 'µs', values, ceiling: { max: 3 } })
  }
  const about = `Rows name the client's protocol ← the vendor's protocol. 100 streams send one frame every 20 ms. nginx passes the same vendor bytes to clients that speak the vendor's protocol.\n\n*Inside* is the time from the vendor's frame to the client's text without the network: the median of rounds in one warm process.\n\n${listRounds(rounds)}`
  return { title: 'Translated streams', about, columns: ['nginx', 'gateway'], rows }
}
