/** What translation itself costs: frames of a vendor in, frames of a client out, in this process, without a network. */

import type { Exchange, Frame } from '../src/protocols/protocol.ts'
import { egressOf, ingressOf } from '../src/protocols/registry.ts'
import { translateStream } from '../src/protocols/shared/translate.ts'
import { createSealStore } from '../src/store/seals.ts'
import { sseFraming } from '../src/upstream/framing/sse.ts'
import { median } from './rounds.ts'
import { manners, type Speech } from './speech.ts'

/** Words of one stream, and streams of one round. */
const length = 2000
const streams = 20
/** Rounds that are not counted: the compilers work in them. */
const warming = 10

/** A stream as text → its frames. */
export const framesOf = (text: string): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  reader.push(new TextEncoder().encode(text))
  reader.end()
  return frames
}

/** The vendor's stream; without a number each of its words once. */
const streamOf = (speech: Speech, count?: number): Frame[] => {
  const { head, words, tail } = manners[speech].said
  const text = Array.from({ length: count ?? words.length }, (_, at) => words[at % words.length]!).join('')
  return framesOf(head + text + tail)
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

/** The client's text for frames of a vendor. */
const tell = (client: Speech, vendor: Speech, frames: Frame[], seals: ReturnType<typeof createSealStore>): string => {
  const pipe = translateStream(ingressOf(client)!, egressOf(vendor)!, exchangeFor(seals))
  let text = ''
  for (const frame of frames) text += pipe.push(frame)
  text += pipe.end()
  if (pipe.state.fault) throw pipe.state.fault
  return text
}

/** A short stream of the vendor's, as the client reads it. */
export const translated = (client: Speech, vendor: Speech): string =>
  tell(client, vendor, streamOf(vendor), createSealStore())

/** CPU in µs that a frame with words takes from the vendor's form to the client's text, warm, the median of `rounds`. */
export const translationTime = (client: Speech, vendor: Speech, rounds: number): number => {
  const seals = createSealStore()
  const frames = streamOf(vendor, length)
  const round = (): number => {
    const before = process.cpuUsage()
    let told = 0
    for (let turn = 0; turn < streams; turn++) {
      told += tell(client, vendor, frames, seals).length
    }
    if (told < streams * length * 20) throw new Error(`${vendor} was told to ${client} in ${told} characters`)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / (streams * length)
  }
  for (let turn = 0; turn < warming; turn++) round()
  return median(Array.from({ length: rounds }, round))
}
