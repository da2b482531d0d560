/** Measures translation alone: frames of a vendor in, frames of a client out, in this process and without a network. */

import type { Exchange, Frame } from '../src/protocols/protocol.ts'
import { egressOf, protocols } from '../src/protocols/registry.ts'
import { translateStream } from '../src/protocols/shared/translate.ts'
import { createSealStore } from '../src/store/seals.ts'
import { sseFraming } from '../src/upstream/framing/sse.ts'
import { type BenchProtocol, protocolScripts } from './protocols.ts'
import { median } from './rounds.ts'

/** Words of one stream, and streams of one round. */
const length = 2000
const streamsPerRound = 20
/** Warm-up rounds are not counted: the JIT compilers are busy in them. */
const warmupRounds = 10

/** The frames of a stream's text. */
export const framesOf = (text: string): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  reader.push(new TextEncoder().encode(text))
  reader.end()
  return frames
}

/** The vendor's stream of `count` words; by default each of its words once. */
const vendorFrames = (protocol: BenchProtocol, count?: number): Frame[] => {
  const { opening, wordFrames, closing } = protocolScripts[protocol].stream
  const text = Array.from({ length: count ?? wordFrames.length }, (_, at) => wordFrames[at % wordFrames.length]!).join(
    '',
  )
  return framesOf(opening + text + closing)
}

const exchangeFor = (seals: ReturnType<typeof createSealStore>): Exchange => ({
  id: 'bench',
  created: 1_750_000_000,
  model: 'bench',
  sealOrigin: 'vendor.target',
  seals: seals.forCaller(''),
  usageRequested: false,
  loss: (path, why) => {
    throw new Error(`lost ${path}: ${why}`)
  },
  redact: text => text,
})

/** The client's text for frames of a vendor. @throws Error if the stream fails or loses something. */
const translateFrames = (
  client: BenchProtocol,
  vendor: BenchProtocol,
  frames: Frame[],
  seals: ReturnType<typeof createSealStore>,
): string => {
  const pipe = translateStream(protocols.get(client)!, egressOf(vendor)!, exchangeFor(seals))
  let text = ''
  for (const frame of frames) text += pipe.push(frame)
  text += pipe.end()
  if (pipe.state.fault) throw pipe.state.fault
  return text
}

/** A short stream of the vendor, as the client reads it. */
export const translateSample = (client: BenchProtocol, vendor: BenchProtocol): string =>
  translateFrames(client, vendor, vendorFrames(vendor), createSealStore())

/**
 * CPU time in µs that one word frame takes from the vendor's frame to the client's text: warm, the median of `rounds`.
 */
export const translationTime = (client: BenchProtocol, vendor: BenchProtocol, rounds: number): number => {
  const seals = createSealStore()
  const frames = vendorFrames(vendor, length)
  const round = (): number => {
    const before = process.cpuUsage()
    let characters = 0
    for (let turn = 0; turn < streamsPerRound; turn++) {
      characters += translateFrames(client, vendor, frames, seals).length
    }
    if (characters < streamsPerRound * length * 20)
      throw new Error(`${vendor} was told to ${client} in ${characters} characters`)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / (streamsPerRound * length)
  }
  for (let turn = 0; turn < warmupRounds; turn++) round()
  return median(Array.from({ length: rounds }, round))
}
