/** The clients of the benchmark, in a process of their own: `load.ts JOB`. Says `open` when every stream has begun, `closing` when then the first has ended, and last its tally, as JSON. */
import { type Job, keyOf, type Tally } from './job.ts'
import { manners } from './speech.ts'

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const { blank, mark, path, body: asking } = manners[job.speech]
const spreads = Array.from({ length: job.connections }, (_, at) => (at * job.ramp) / job.connections)
const keys = Array.from({ length: job.keys }, (_, at) => `Bearer ${keyOf(at)}`)

const story = 'Tell me a story about a fox and a dog, in about eighty words, with an ending that surprises. '
type Question = { url: string; body: Uint8Array<ArrayBuffer> }
const questionTo = (model: string, stream: boolean): Question => {
  const content = job.ask > 0 ? story.repeat(Math.ceil(job.ask / story.length)).slice(0, job.ask) : story.repeat(10)
  return { url: job.url + path(model), body: new TextEncoder().encode(JSON.stringify(asking(model, content, stream))) }
}

let asked = 0
/** Frames of all streams so far, of any kind. */
let read = 0
const ask = async ({ url, body }: Question): Promise<Response> => {
  const headers = { 'content-type': 'application/json', authorization: keys[asked++ % keys.length]! }
  const answer = await fetch(url, { method: 'POST', headers, body, proxy: false })
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${await answer.text()}`)
  return answer
}

const tally: Tally = { done: 0, within: 0, lost: 0, bytes: 0, p50: 0, p99: 0 }
const began = performance.now()
const due = began + job.seconds * 1000

const whole = async () => {
  const question = questionTo(job.answer > 0 ? `bench-answer-${job.answer}` : 'bench', false)
  const settled = began + job.seconds * 500
  const times: number[] = []
  const connection = async () => {
    while (performance.now() < due) {
      const start = performance.now()
      const { byteLength } = await (await ask(question)).arrayBuffer()
      if (byteLength < job.answer) throw new Error(`an answer of ${byteLength} bytes`)
      if (start > settled) times.push(performance.now() - start)
      tally.done++
      tally.bytes += byteLength + question.body.byteLength
    }
  }
  await Promise.all(spreads.map(connection))
  times.sort((one, other) => one - other)
  tally.p50 = (times[Math.floor(times.length * 0.5)] ?? 0) * 1000
  tally.p99 = (times[Math.floor(times.length * 0.99)] ?? 0) * 1000
}

/** So many characters of a stream's end are looked at. */
const ending = 500

/** Reads one stream to its end; counts its frames by the empty lines after them, and those that did not come. */
const readStream = async (answer: Response, first: () => void): Promise<void> => {
  let frames = 0
  let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  let tail = ''
  for await (const chunk of answer.body!) {
    const bytes =
      rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const before = frames
    let from = 0
    for (let at = bytes.indexOf(blank); at >= 0; at = bytes.indexOf(blank, from)) {
      frames++
      from = at + blank.length
    }
    read += frames - before
    if (before === 0 && frames > 0) first()
    rest = bytes.subarray(Math.max(from, bytes.length - blank.length + 1))
    tail = (tail + Buffer.from(chunk).toString('latin1', Math.max(0, chunk.length - ending))).slice(-ending)
    tally.bytes += chunk.length
  }
  tally.done += frames - job.head - job.tail
  tally.lost += Math.abs(job.head + job.frames + job.tail - frames)
  if (!tail.includes(mark)) throw new Error('a stream without its end')
}

const paced = async () => {
  const question = questionTo(`bench-${job.pace}-${job.frames}-${job.differing}`, true)
  let open = 0
  let ended = 0
  let before = 0
  const opened = () => {
    open++
    if (open < job.connections || ended > 0) return
    before = read
    console.log('open')
  }
  const closed = () => {
    ended++
    if (open < job.connections || ended > 1) return
    // The ends of other streams may be among them: a few of thousands.
    tally.within = read - before - job.tail
    console.log('closing')
  }
  await Promise.all(
    spreads.map(async wait => {
      await Bun.sleep(wait)
      await readStream(await ask(question), opened)
      closed()
    }),
  )
}

const bulk = async () => {
  const question = questionTo(`bench-0-${job.frames}`, true)
  const connection = async () => {
    while (performance.now() < due) await readStream(await ask(question), () => {})
  }
  await Promise.all(spreads.map(connection))
}

await { whole, bulk, paced }[job.mode]()
console.log(JSON.stringify(tally))
