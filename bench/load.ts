/**
 * The clients of the benchmark, in a process of their own: `load.ts URL MODE COUNT SECONDS`. Prints one JSON line.
 * MODE `whole`: COUNT connections ask again and again. MODE `stream`: COUNT streams of SECONDS, a frame each 20 ms.
 */
const [url = '', mode = 'whole', countText = '1', secondsText = '5'] = process.argv.slice(2)
const count = Number(countText)
const seconds = Number(secondsText)

const messages = [
  {
    role: 'system',
    content: 'You are a helpful assistant that answers briefly and to the point, in the language of the question.',
  },
  {
    role: 'user',
    content: 'Tell me a story about a fox and a dog, in about eighty words, with an ending that surprises. '.repeat(10),
  },
]
const bodyOf = (model: string, stream: boolean) => JSON.stringify({ model, messages, stream, temperature: 0.7 })
const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' }

const whole = async () => {
  const body = bodyOf('bench', false)
  const times: number[] = []
  const due = performance.now() + seconds * 1000
  const connection = async () => {
    while (performance.now() < due) {
      const began = performance.now()
      const answer = await fetch(url, { method: 'POST', headers, body })
      await answer.text()
      if (answer.status !== 200) throw new Error(`status ${answer.status}`)
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: count }, connection))
  times.sort((one, other) => one - other)
  const at = (share: number) => times[Math.floor(times.length * share)]! * 1000
  return { done: times.length, p50: at(0.5), p99: at(0.99) }
}

const stream = async () => {
  const frames = Math.round((seconds * 1000) / 20)
  const body = bodyOf(`bench-20-${frames}`, true)
  const one = async () => {
    const answer = await fetch(url, { method: 'POST', headers, body })
    let text = ''
    const decoder = new TextDecoder()
    for await (const bytes of answer.body!) text += decoder.decode(bytes, { stream: true })
    const seen = text.split('data: {').length - 1
    if (!text.includes('[DONE]') || seen < frames) throw new Error(`a stream of ${seen} frames of ${frames}`)
    return seen
  }
  const seen = await Promise.all(Array.from({ length: count }, one))
  return { done: seen.reduce((sum, frames) => sum + frames, 0), p50: 0, p99: 0 }
}

console.log(JSON.stringify(await (mode === 'stream' ? stream() : whole())))

export {}
