/** The events of one answer on their way out: numbered, the items they tell gathered. */

import type { Json, JsonObject } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import { sealPrefix, wrapSeal } from '../../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../../protocol.ts'
import { boxed } from '../turns.ts'

/** How a part is told. A `seal` comes while it is open. */
export type Voice = {
  delta: (text: string) => void
  seal: (seal: Seal) => void
  close: () => void
  /** The answer failed: what was told of the part stands in it, nothing more is said. */
  cut: () => void
}

export type Writer = {
  readonly exchange: Exchange
  /** What has been told so far, whole items only at their end. */
  readonly output: JsonObject[]
  readonly sequence: () => number
  event: (type: string, fields: JsonObject) => void
  /** A new item: its place and its id. */
  begin: (prefix: string, item: JsonObject) => Place
  end: (place: Place, item: JsonObject) => void
  /** As `end`, for an item that will not end. */
  leave: (place: Place, item: JsonObject) => void
  /** An empty item of thoughts that carries a foreign seal: of the part that follows, or of a block of its own. */
  carry: (seal: Seal, as: 'next' | 'thought' | 'block') => void
  lose: NoteLoss
}
export type Place = { index: number; id: string }

export const responseWriter = (exchange: Exchange, emit: (event: JsonObject) => void): Writer => {
  const output: JsonObject[] = []
  const noted = new Set<string>()
  const serial = exchange.id.slice(exchange.id.indexOf('_') + 1)
  let sequence = 0

  const event = (type: string, fields: JsonObject): void => emit({ type, sequence_number: sequence++, ...fields })
  const lose = (path: string, why: string): void => {
    if (!noted.has(path)) exchange.loss(path, why)
    noted.add(path)
  }
  const begin = (prefix: string, item: JsonObject): Place => {
    const index = output.length
    const place = { index, id: `${prefix}_${serial}${index.toString(16).padStart(4, '0')}` }
    output.push({ id: place.id, ...item })
    event('response.output_item.added', { output_index: index, item: { id: place.id, ...item } })
    return place
  }
  const put = ({ index, id }: Place, item: JsonObject): void => {
    output[index] = { id, ...item }
  }
  const end = (place: Place, item: JsonObject): void => {
    const { index } = place
    put(place, item)
    event('response.output_item.done', { output_index: index, item: output[index]! })
  }
  return {
    exchange,
    output,
    sequence: () => sequence++,
    event,
    begin,
    end,
    leave: (place, item) => put(place, { ...item, status: 'incomplete' }),
    carry(seal, as) {
      const wrapped = wrapSeal(as === 'block' ? boxed(seal) : seal, { next: as === 'next' })
      if (wrapped === undefined) return lose('seal', 'too large to be carried')
      const item = { type: 'reasoning', summary: [], encrypted_content: wrapped, status: 'completed' }
      end(begin(thoughtPrefix, item), item)
    },
    lose,
  }
}

/** Thoughts of ours are known by their id where they carry no seal: no vendor would find them. */
export const thoughtPrefix = `rs_${sealPrefix}`

/** Thoughts: whosever they are, the client reads them as a summary, and their seal is the encrypted content. */
export const thoughtVoice = (writer: Writer): Voice => {
  const { event } = writer
  const place = writer.begin(thoughtPrefix, { type: 'reasoning', summary: [], status: 'in_progress' })
  const at = { item_id: place.id, output_index: place.index, summary_index: 0 }
  const texts: string[] = []
  let sealed: JsonObject = {}
  const told = (): JsonObject => {
    const text = texts.join('')
    const { raw, ...slot } = sealed
    const content = raw === true ? { content: [{ type: 'reasoning_text', text }] } : {}
    const summary = texts.length > 0 ? [{ type: 'summary_text', text }] : []
    return { type: 'reasoning', summary, ...content, ...slot, status: 'completed' }
  }
  return {
    delta(text) {
      if (texts.length === 0)
        event('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } })
      texts.push(text)
      event('response.reasoning_summary_text.delta', { ...at, delta: text })
    },
    seal(seal) {
      sealed = slotOf(seal, texts, writer)
    },
    close() {
      const text = texts.join('')
      if (texts.length > 0) {
        const part = { type: 'summary_text', text }
        event('response.reasoning_summary_text.done', { ...at, text })
        event('response.reasoning_summary_part.done', { ...at, part })
      }
      writer.end(place, told())
    },
    cut: () => writer.leave(place, told()),
  }
}

const slotOf = (seal: Seal, texts: readonly string[], { lose }: Writer): JsonObject => {
  if (seal.by === 'openai-responses') return seal.value as JsonObject
  const wrapped = wrapSeal(seal)
  if (wrapped !== undefined) return { encrypted_content: wrapped }
  lose('seal', `too large to be carried${texts.length > 0 ? ' with its thoughts' : ''}`)
  return {}
}

/** The fields of an item that are only known to this protocol. */
export const ownFields = (seal: Seal | undefined): JsonObject =>
  seal?.by === 'openai-responses' ? (seal.value as { [key: string]: Json }) : {}
