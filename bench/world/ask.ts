/** A client of a world: sends one request in its protocol and judges the answer. */

import type { Arrival } from './arrivals.ts'
import type { ClientProtocol } from './client-protocols.ts'
import { clientScripts } from './client-protocols.ts'
import { answerTo } from './reply.ts'

/** Times in seconds; `begin` to the first content, or to the whole answer if there is no stream. */
export type AskResult = {
  arrival: Arrival
  isAnswered: boolean
  /** Why it is not answered: the status and the words, or what is wrong with the answer. */
  reason?: string
  status?: number
  /** Seconds in the header of an error. */
  retryAfter?: number
  begin?: number
  total: number
}

type Ask = { url: string; model: string; protocol: ClientProtocol; arrival: Arrival; patience: number }

/** `patience`: seconds after which the client leaves. Never rejects. */
export const ask = async ({ url, model, protocol, arrival, patience }: Ask): Promise<AskResult> => {
  const { nonce, isStream } = arrival
  const script = clientScripts[protocol]
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  const found: Partial<AskResult> = {}
  const finish = (reason?: string): AskResult => ({
    ...found,
    arrival,
    isAnswered: reason === undefined,
    ...(reason !== undefined && { reason: reason.replaceAll(/\s+/g, ' ').slice(0, 400) }),
    total: elapsed(),
  })
  try {
    const response = await fetch(url + script.path(model, isStream), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...script.headers },
      body: JSON.stringify(script.body(model, promptFor(nonce), isStream)),
      signal: AbortSignal.timeout(patience * 1000),
      proxy: false,
    } as RequestInit)
    const retryAfter = response.headers.get('retry-after')
    if (retryAfter !== null) found.retryAfter = Number(retryAfter)
    found.status = response.status
    if (response.status !== 200) return finish(`status ${response.status}: ${await response.text()}`)
    const { text, end, error } = isStream
      ? await readStream(response, script.readFrame, () => {
          found.begin ??= elapsed()
        })
      : script.readWhole(await response.json())
    if (!isStream) found.begin = elapsed()
    if (error !== undefined) return finish(`error inside the answer: ${error}`)
    if (!end) return finish(`an answer without its end, after ${text.length} characters`)
    if (text === '') return finish('an empty answer')
    return finish(text === answerTo(nonce) ? undefined : `a wrong answer: ${text}`)
  } catch (error) {
    const { name, message } = error as Error
    return finish(name === 'TimeoutError' ? `no answer within ${patience} s` : `${name}: ${message}`)
  }
}

const promptFor = (nonce: string): string => `Tell me a story about a lighthouse and its keeper. nonce:${nonce}`

/** What a frame or a whole answer says. */
export type ReadAnswer = { text: string; end: boolean; error?: string }

/** Collects the frames of a stream until the connection ends. */
const readStream = async (
  response: Response,
  readFrame: (data: string) => Partial<ReadAnswer>,
  onContent: () => void,
): Promise<ReadAnswer> => {
  const answer: ReadAnswer = { text: '', end: false }
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of response.body as ReadableStream<Uint8Array>) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/)
    rest = lines.pop()!
    for (const line of lines) {
      if (!line.startsWith('data:')) continue
      const { text, end, error } = readFrame(line.slice('data:'.length).trim())
      if (text) {
        onContent()
        answer.text += text
      }
      answer.end ||= end === true
      answer.error ??= error
    }
  }
  return answer
}
