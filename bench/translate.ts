/** The part of the benchmark that translates: the client speaks one protocol, the vendor another. nginx passes the vendor's bytes to clients who speak its own. */
import { usual, type Vendor } from './configs.ts'
import { nginx, type Place, startGateway, startNginx } from './contenders.ts'
import { translationTime } from './inside.ts'
import type { Differing } from './job.ts'
import { type Run, say, trickle } from './measure.ts'
import { type Steady, told } from './rounds.ts'
import { asksPassed, asksTranslated, type Speech } from './speech.ts'
import type { Row, Table } from './table.ts'

type Pair = { client: Speech; vendor: Speech; service: Vendor; what: string; differing?: Differing }

const pairs: Pair[] = [
  { client: 'openai-chat', vendor: 'anthropic', service: 'claude', what: 'Chat Completions ← Messages' },
  { client: 'anthropic', vendor: 'openai-chat', service: 'openai', what: 'Messages ← Chat Completions' },
  { client: 'openai-chat', vendor: 'gemini', service: 'gemini', what: 'Chat Completions ← Gemini' },
]
/** No ceiling is promised for these. The short way helps the first of them, not the second. */
const others: Pair[] = [
  { ...pairs[1]!, what: `${pairs[1]!.what}, padded as OpenAI pads`, differing: 'padding' },
  { ...pairs[1]!, what: `${pairs[1]!.what}, no two frames alike`, differing: 'all' },
]

const placesFor = async ({ client, vendor, service }: Pair, run: Run): Promise<Place[]> => {
  const gateway = await startGateway(run.vendor, { ...usual, vendor: service })
  const translating = { ...gateway, asks: asksTranslated(client) }
  return nginx ? [{ ...(await startNginx(run.vendor)), asks: asksPassed(vendor) }, translating] : [translating]
}

const paced = { mode: 'paced', connections: 100, frames: 100, pace: 20, ramp: 20 } as const

/** Those without a ceiling are content with less. */
const trickled = (pair: Pair, run: Run): Promise<Steady> => {
  const { differing } = pair
  const wish = differing ? { ...paced, differing } : paced
  const times = differing ? { sets: 1, rounds: 4 } : { sets: 3, rounds: 2 }
  return trickle(pair.what, () => placesFor(pair, run), wish, times, run)
}

const weighed = ({ client, vendor, what }: Pair, { scale }: Run): number => {
  const time = translationTime(client, vendor, Math.ceil(20 * scale))
  say(`${what}, inside: ${time.toFixed(2)} µs`)
  return time
}

export const translate = async (run: Run): Promise<Table> => {
  const rows: Row[] = []
  const rounds: string[] = []
  for (const pair of [...pairs, ...others]) {
    const steady = await trickled(pair, run)
    const values = ['nginx', 'gateway'].map(name => steady.figures.get(name)?.['cpu'])
    const row: Row = { what: `CPU a frame, ${pair.what}`, unit: 'µs', values }
    rows.push(pair.differing ? row : { ...row, ceiling: { ratio: 2.5 }, plotted: true })
    rounds.push(told(pair.what, steady))
  }
  for (const pair of pairs) {
    const values = [undefined, weighed(pair, run)]
    rows.push({ what: `inside, in bulk, ${pair.what}`, unit: 'µs', values, ceiling: { atMost: 3 } })
  }
  const about = `The protocol of the client ← that of the vendor. 100 streams of a frame each 20 ms; nginx passes the same bytes of the vendor to clients who speak its protocol. Inside: from the vendor's frame to the client's text, the network left out, the median of rounds in one warm process. ${rounds.join('; ')}.`
  return { title: 'Translated streams', about, columns: ['nginx', 'gateway'], rows }
}
