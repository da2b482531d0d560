/**
 * `load.ts JOB`: the benchmark's clients, in a process of their own. Prints `open` when every stream has begun,
 * `closing` when after that the first one has ended, and finally its tally as JSON.
 */
import { clientKey, type Job, type Tally } from './load-job.ts'
import { protocolScripts } from './protocols.ts'

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const { frameSeparator, endMark, path, body: bodyFor } = protocolScripts[job.protocol]
const startDelays = Array.from({ length: job.connections }, (_, at) => (at * job.ramp) / job.connections)
const keys = Array.from({ length: job.keys }, (_, at) => `Bearer ${clientKey(at)}`)

const story = 'Tell me a story about a fox and a dog, in about eighty words, with an ending that surprises. '
type PreparedRequest = { url: string; body: Uint8Array<ArrayBuffer> }
const prepareRequest = (model: string, stream: boolean): PreparedRequest => {
  const content =
    job.requestBytes > 0
      ? story.repeat(Math.ceil(job.requestBytes / story.length)).slice(0, job.requestBytes)
      : story.repeat(10)
  return { url: job.url + path(model), body: new TextEncoder().encode(JSON.stringify(bodyFor(model, content, stream))) }
}

let requestsSent = 0
/** Frames of all streams so far, of any kind. */
let framesRead = 0
const send = async ({ url, body }: PreparedRequest): Promise<Response> => {
  const headers = { 'content-type': 'application/json', authorization: keys[requestsSent++ % keys.length]! }
  const answer = await fetch(url, { method: 'POST', headers, body, proxy: false })
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${await answer.text()}`)
  return answer
}

const tally: Tally = { done: 0, doneWhileAllOpen: 0, lost: 0, bytes: 0, p50: 0, p99: 0 }
const startedAt = performance.now()
const deadline = startedAt + job.seconds * 1000

const whole = async () => {
  const request = prepareRequest(job.responseBytes > 0 ? `bench-answer-${job.responseBytes}` : 'bench', false)
  const measuredFrom = startedAt + job.seconds * 500
  const times: number[] = []
  const connection = async () => {
    while (performance.now() < deadline) {
      const start = performance.now()
      const { byteLength } = await (await send(request)).arrayBuffer()
      if (byteLength < job.responseBytes) throw new Error(`an answer of ${byteLength} bytes`)
      if (start > measuredFrom) times.push(performance.now() - start)
      tally.done++
      tally.bytes += byteLength + request.body.byteLength
    }
  }
  await Promise.all(startDelays.map(connection))
  times.sort((one, other) => one - other)
  tally.p50 = (times[Math.floor(times.length * 0.5)] ?? 0) * 1000
  tally.p99 = (times[Math.floor(times.length * 0.99)] ?? 0) * 1000
}

/** The number of characters at a stream's end that are searched for the end mark. */
const inspectedLength = 500

/**
 * Reads one stream to its end. Counts frames by the separators after them, and counts missing ones as lost.
 * @throws Error if the stream has no end mark.
 */
const readStream = async (answer: Response, onFirstFrame: () => void): Promise<void> => {
  let frames = 0
  let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  let lastCharacters = ''
  for await (const chunk of answer.body!) {
    const bytes =
      rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const before = frames
    let from = 0
    for (let at = bytes.indexOf(frameSeparator); at >= 0; at = bytes.indexOf(frameSeparator, from)) {
      frames++
      from = at + frameSeparator.length
    }
    framesRead += frames - before
    if (before === 0 && frames > 0) onFirstFrame()
    rest = bytes.subarray(Math.max(from, bytes.length - frameSeparator.length + 1))
    lastCharacters = (
      lastCharacters + Buffer.from(chunk).toString('latin1', Math.max(0, chunk.length - inspectedLength))
    ).slice(-inspectedLength)
    tally.bytes += chunk.length
  }
  tally.done += frames - job.leadingFrames - job.trailingFrames
  tally.lost += Math.abs(job.leadingFrames + job.frames + job.trailingFrames - frames)
  if (!lastCharacters.includes(endMark)) throw new Error('a stream without its end')
}

const paced = async () => {
  const request = prepareRequest(`bench-${job.frameInterval}-${job.frames}-${job.variation}`, true)
  let openStreams = 0
  let endedStreams = 0
  let before = 0
  const onOpen = () => {
    openStreams++
    if (openStreams < job.connections || endedStreams > 0) return
    before = framesRead
    console.log('open')
  }
  const onEnd = () => {
    endedStreams++
    if (openStreams < job.connections || endedStreams > 1) return
    // The last frames of other streams may be among them: a few out of thousands.
    tally.doneWhileAllOpen = framesRead - before - job.trailingFrames
    console.log('closing')
  }
  await Promise.all(
    startDelays.map(async delay => {
      await Bun.sleep(delay)
      await readStream(await send(request), onOpen)
      onEnd()
    }),
  )
}

const bulk = async () => {
  const request = prepareRequest(`bench-0-${job.frames}`, true)
  const connection = async () => {
    while (performance.now() < deadline) await readStream(await send(request), () => {})
  }
  await Promise.all(startDelays.map(connection))
}

await { whole, bulk, paced }[job.mode]()
console.log(JSON.stringify(tally))
