/** Texts and refusals: the messages of an answer, each with one part or several. */

import { isObject, type JsonObject } from '../../../base/json/json.ts'
import type { Citation } from '../../../ir/chat.ts'
import { renderAnnotation } from '../citations.ts'
import { ownFields, type Place, type Voice, type Writer } from './item-writer.ts'

type Kind = 'text' | 'refusal'
type Spoken = { place: Place; content: JsonObject[]; voices: number; left: boolean; status: string; own: JsonObject }

export type Messages = {
  open: (kind: Kind) => Voice & { cite: (citation: Citation) => void }
  /** What follows is no part of the message that is told. `status`: how it ended. */
  leave: (status?: 'completed' | 'incomplete') => void
  /** The answer failed, after every part was closed or cut. */
  cut: () => void
}

export const messageTeller = (writer: Writer): Messages => {
  let current: Spoken | undefined

  const told = ({ content, status, own }: Spoken) => ({ type: 'message', status, role: 'assistant', content, ...own })
  const finish = (message: Spoken): void => writer.end(message.place, told(message))
  const cut = (message: Spoken | undefined): void => {
    if (message) writer.leave(message.place, told(message))
  }

  const leave: Messages['leave'] = (status = 'completed') => {
    if (current === undefined) return
    current.left = true
    current.status = status
    if (current.voices === 0) finish(current)
    current = undefined
  }

  /** A message with a phase has one part. */
  const messageFor = (own: JsonObject): Spoken => {
    const isOver = current !== undefined && (Object.keys(own).length > 0 || Object.keys(current.own).length > 0)
    if (isOver) leave()
    if (current) return current
    const place = writer.begin('msg', {
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
      ...own,
    })
    current = { place, content: [], voices: 0, left: false, status: 'completed', own }
    return current
  }

  const rest = (message: Spoken): void => {
    message.voices--
    if (message.left && message.voices === 0) finish(message)
  }

  return { open: kind => wordsVoice(kind, writer, { messageFor, rest, cut, leave }), leave, cut: () => cut(current) }
}

/** What a part does to its message: a place in it, its end there, as it is where the answer failed. */
type Hands = {
  messageFor: (own: JsonObject) => Spoken
  rest: (message: Spoken) => void
  cut: (message: Spoken) => void
  leave: Messages['leave']
}

const empty = (kind: Kind): JsonObject =>
  kind === 'text' ? { type: 'output_text', annotations: [], logprobs: [], text: '' } : { type: 'refusal', refusal: '' }

/** Told from its first word on, or from its seal if that comes first: a foreign one stands before it. */
const wordsVoice = (
  kind: Kind,
  writer: Writer,
  { messageFor, rest, cut, leave }: Hands,
): ReturnType<Messages['open']> => {
  const texts: string[] = []
  const annotations: JsonObject[] = []
  const word = kind === 'text' ? 'output_text' : 'refusal'
  let told: { message: Spoken; number: number; at: JsonObject } | undefined
  let late: Parameters<Voice['seal']>[0] | undefined

  const begin = (own: JsonObject = {}): NonNullable<typeof told> => {
    if (told) return told
    const message = messageFor(own)
    const number = message.content.push(empty(kind)) - 1
    message.voices++
    const at = { item_id: message.place.id, output_index: message.place.index, content_index: number }
    told = { message, number, at }
    writer.event('response.content_part.added', { ...at, part: empty(kind) })
    return told
  }

  const partSoFar = (): JsonObject => {
    const text = texts.join('')
    return kind === 'text' ? { ...empty(kind), annotations, text } : { type: 'refusal', refusal: text }
  }

  return {
    cut() {
      if (told === undefined) return
      told.message.content[told.number] = partSoFar()
      cut(told.message)
    },
    delta(text) {
      const { at } = begin()
      texts.push(text)
      writer.event(`response.${word}.delta`, { ...at, delta: text, ...(kind === 'text' && { logprobs: [] }) })
    },
    cite(citation) {
      const annotation = renderAnnotation(citation)
      if (annotation === undefined || kind !== 'text')
        return writer.lose('annotations', 'a source without an address has no form here')
      const number = annotations.push(annotation) - 1
      const { at } = begin()
      writer.event('response.output_text.annotation.added', { ...at, annotation_index: number, annotation })
    },
    seal(seal) {
      const { message: own } = ownFields(seal)
      if (seal.by === 'openai-responses' && told && isObject(own)) told.message.own = own
      else if (seal.by === 'openai-responses') begin(isObject(own) ? own : {})
      else if (told) late = seal
      else {
        leave()
        writer.carry(seal, 'next')
      }
    },
    close() {
      const { message, number, at } = begin()
      const text = texts.join('')
      const part = partSoFar()
      message.content[number] = part
      writer.event(`response.${word}.done`, {
        ...at,
        ...(kind === 'text' ? { text, logprobs: [] } : { refusal: text }),
      })
      writer.event('response.content_part.done', { ...at, part })
      rest(message)
      if (late === undefined) return
      leave()
      writer.carry(late, 'thought')
    },
  }
}
