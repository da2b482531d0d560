/** The clients of the benchmark, in a process of their own: `load.ts JOB`. Says `open` when every stream has begun and none has ended, and last its tally, as JSON. */
import { type Job, keyOf, type Tally } from './job.ts'

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const spreads = Array.from({ length: job.connections }, (_, at) => (at * job.ramp) / job.connections)
const keys = Array.from({ length: job.keys }, (_, at) => `Bearer ${keyOf(at)}`)

const story = 'Tell me a story about a fox and a dog, in about eighty words, with an ending that surprises. '
const system = 'You are a helpful assistant that answers briefly and to the point, in the language of the question.'
const bodyOf = (model: string, stream: boolean) => {
  const content = job.ask > 0 ? story.repeat(Math.ceil(job.ask / story.length)).slice(0, job.ask) : story.repeat(10)
  const messages = [
    { role: 'system', content: system },
    { role: 'user', content },
  ]
  return new TextEncoder().encode(JSON.stringify({ model, messages, stream, temperature: 0.7 }))
}

let asked = 0
/** Frames of all streams so far. */
let read = 0
const ask = async (body: Uint8Array<ArrayBuffer>): Promise<Response> => {
  const headers = { 'content-type': 'application/json', authorization: keys[asked++ % keys.length]! }
  const answer = await fetch(job.url, { method: 'POST', headers, body, proxy: false })
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${await answer.text()}`)
  return answer
}

const tally: Tally = { done: 0, early: 0, lost: 0, bytes: 0, p50: 0, p99: 0 }
const began = performance.now()
const due = began + job.seconds * 1000

const whole = async () => {
  const body = bodyOf(job.answer > 0 ? `bench-answer-${job.answer}` : 'bench', false)
  const settled = began + job.seconds * 500
  const times: number[] = []
  const connection = async () => {
    while (performance.now() < due) {
      const start = performance.now()
      const { byteLength } = await (await ask(body)).arrayBuffer()
      if (byteLength < job.answer) throw new Error(`an answer of ${byteLength} bytes`)
      if (start > settled) times.push(performance.now() - start)
      tally.done++
      tally.bytes += byteLength + body.byteLength
    }
  }
  await Promise.all(spreads.map(connection))
  times.sort((one, other) => one - other)
  tally.p50 = (times[Math.floor(times.length * 0.5)] ?? 0) * 1000
  tally.p99 = (times[Math.floor(times.length * 0.99)] ?? 0) * 1000
}

/** Reads one stream to its end; counts its frames by the empty lines after them, and those that did not come. */
const readStream = async (answer: Response, first: () => void): Promise<void> => {
  let frames = 0
  let half = false
  let tail = ''
  for await (const chunk of answer.body!) {
    if (frames === 0) first()
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const before = frames
    if (half && bytes[0] === 10) frames++
    for (let at = bytes.indexOf('\n\n'); at >= 0; at = bytes.indexOf('\n\n', at + 2)) frames++
    read += frames - before
    half = bytes.at(-1) === 10 && bytes.at(-2) !== 10
    tail = (tail + bytes.toString('latin1', Math.max(0, bytes.length - 20))).slice(-20)
    tally.bytes += bytes.length
  }
  // Beside the frames with text: the one that tells the finish, and the end.
  tally.done += frames
  tally.lost += job.frames + 2 - frames
  if (!tail.includes('[DONE]')) throw new Error('a stream without its end')
}

const paced = async () => {
  const body = bodyOf(`bench-${job.pace}-${job.frames}`, true)
  let open = 0
  let ended = 0
  const opened = () => {
    open++
    if (open < job.connections || ended > 0) return
    tally.early = read
    console.log('open')
  }
  await Promise.all(
    spreads.map(async wait => {
      await Bun.sleep(wait)
      await readStream(await ask(body), opened)
      ended++
    }),
  )
}

const bulk = async () => {
  const body = bodyOf(`bench-0-${job.frames}`, true)
  const connection = async () => {
    while (performance.now() < due) await readStream(await ask(body), () => {})
  }
  await Promise.all(spreads.map(connection))
}

await { whole, bulk, paced }[job.mode]()
console.log(JSON.stringify(tally))
