/**
 * A stream of Responses as its documentation has it, as a machine: which event may follow which, and that the answer at the end is what
 * was told. https://platform.openai.com/docs/api-reference/responses-streaming
 */
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

type Part = { type: string; text: string; open: boolean; annotations: unknown[] }
type Item = { item: JsonObject; open: boolean; content: Part[]; summary: Part[]; text: string; done: boolean }

/** Words of a part: the event's stem → the list it belongs to, its number, the type of the part, the field of the whole text. */
const words: Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index', string, string]> = {
  'response.output_text': ['content', 'content_index', 'output_text', 'text'],
  'response.refusal': ['content', 'content_index', 'refusal', 'refusal'],
  'response.reasoning_text': ['content', 'content_index', 'reasoning_text', 'text'],
  'response.reasoning_summary_text': ['summary', 'summary_index', 'summary_text', 'text'],
}
const parts: Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index']> = {
  'response.content_part': ['content', 'content_index'],
  'response.reasoning_summary_part': ['summary', 'summary_index'],
}
const calls: Record<string, readonly [type: string, slot: string]> = {
  'response.function_call_arguments': ['function_call', 'arguments'],
  'response.custom_tool_call_input': ['custom_tool_call', 'input'],
}
const lives = ['response.created', 'response.queued', 'response.in_progress']
const ends = ['response.completed', 'response.incomplete', 'response.failed']
const spoken = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call'])

/** What is wrong with the frames; empty where nothing is. */
export const check = (frames: readonly Frame[]): string[] => {
  const wrong: string[] = []
  const items: Item[] = []
  let response: JsonObject | undefined
  let over = false
  let failed = false

  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what)
  }

  const itemAt = (event: JsonObject): Item | undefined => {
    const item = items[event.output_index as number]
    must(item?.open === true, `${event.type}: no open item ${event.output_index}`)
    must(item?.item.id === event.item_id, `${event.type}: item_id ${event.item_id} is not ${item?.item.id}`)
    return item
  }

  const begin = (event: JsonObject): void => {
    const item = event.item as JsonObject
    must(event.output_index === items.length, `item ${event.output_index} begins at place ${items.length}`)
    must(typeof item.id === 'string' && item.id !== '', 'an item without an id')
    must(!items.some(one => one.item.id === item.id), `the id ${item.id} is there twice`)
    if (item.type === 'message') must(Array.isArray(item.content) && item.content.length === 0, 'a message begins full')
    if (item.type === 'reasoning') must(Array.isArray(item.summary), 'thoughts without a summary')
    items.push({ item, open: true, content: [], summary: [], text: '', done: false })
  }

  const end = (event: JsonObject): void => {
    const known = items[event.output_index as number]
    const item = event.item as JsonObject
    if (known === undefined || !known.open) return void wrong.push(`item ${event.output_index} ends unbegun`)
    known.open = false
    must(known.item.id === item.id && known.item.type === item.type, 'an item ends as another')
    for (const list of ['content', 'summary'] as const) {
      must(
        known[list].every(part => !part.open),
        `item ${event.output_index} ends with an open part`,
      )
      const told = Array.isArray(item[list]) ? (item[list] as JsonObject[]) : []
      if (item.type === 'message' || (item.type === 'reasoning' && list === 'summary' && known.summary.length > 0)) {
        must(told.length === known[list].length, `item ${event.output_index}: ${list} has parts that were not told`)
        told.forEach((part, place) => {
          must((part.text ?? part.refusal) === known[list][place]?.text, `item ${event.output_index}: other words`)
          if (part.type === 'output_text')
            must(
              JSON.stringify(part.annotations) === JSON.stringify(known[list][place]?.annotations),
              'other annotations than were told',
            )
        })
      }
    }
    const [, slot] = Object.values(calls).find(([type]) => type === item.type) ?? []
    if (slot) {
      must(item[slot] === known.text && known.done, `${item.type} ends with other words than were told`)
      must(typeof item.call_id === 'string' && item.call_id !== '', 'a call without a call_id')
      must(item.status === 'completed' || item.status === 'incomplete', 'a call ends without a status')
    }
    known.item = item
  }

  const part = (stem: string, step: string, event: JsonObject): void => {
    const [list, number] = parts[stem]!
    const item = itemAt(event)
    const told = event.part as JsonObject
    if (item === undefined) return
    if (step === 'added') {
      must(event[number] === item[list].length, `${event.type}: ${number} ${event[number]}, not ${item[list].length}`)
      item[list].push({ type: String(told.type), text: '', open: true, annotations: [] })
      return
    }
    const known = item[list][event[number] as number]
    if (known === undefined) return void wrong.push(`${event.type}: unbegun`)
    must(known.open && known.type === told.type, `${event.type}: not the part that is open`)
    must((told.text ?? told.refusal) === known.text, `${event.type}: other words`)
    known.open = false
  }

  const word = (stem: string, step: string, event: JsonObject): void => {
    const [list, number, type, slot] = words[stem]!
    const known = itemAt(event)?.[list][event[number] as number]
    if (known === undefined) return void wrong.push(`${event.type}: no part ${event[number]}`)
    must(known.open && known.type === type, `${event.type}: in a part of type ${known.type}`)
    if (step === 'delta') {
      must(typeof event.delta === 'string' && event.delta !== '', `${event.type}: empty`)
      known.text += String(event.delta)
    } else if (step === 'done') must(event[slot] === known.text, `${event.type}: the pieces do not add up`)
    else if (step === 'annotation.added') {
      must(event.annotation_index === known.annotations.length, 'an annotation out of turn')
      known.annotations.push(event.annotation)
    } else wrong.push(`${event.type} is unknown`)
  }

  const call = (stem: string, step: string, event: JsonObject): void => {
    const [type, slot] = calls[stem]!
    const item = itemAt(event)
    if (item === undefined) return
    must(item.item.type === type, `${event.type} in an item of type ${item.item.type}`)
    must(!item.done, `${event.type} after done`)
    if (step === 'delta') item.text += String(event.delta)
    else {
      must(event[slot] === item.text, `${event.type}: the pieces do not add up`)
      item.done = true
    }
  }

  const finish = (event: JsonObject): void => {
    const told = event.response as JsonObject
    over = true
    checkResponse(told, wrong)
    must(told.status === String(event.type).slice('response.'.length), `${event.type} with status ${told.status}`)
    must(told.id === response?.id, 'the answer ends by another id')
    if (event.type === 'response.failed') return
    must(!failed, 'an end after an error')
    must(
      items.every(item => !item.open),
      'the answer ends with an open item',
    )
    must(
      JSON.stringify(told.output) === JSON.stringify(items.map(({ item }) => item)),
      'the items of the answer are not those that were told',
    )
    if (event.type === 'response.incomplete') must(isObject(told.incomplete_details), 'incomplete, and no word of why')
  }

  frames.forEach(({ event: name, data }, place) => {
    const event = JSON.parse(data) as JsonObject
    const type = String(event.type)
    must(name === type, `the frame is called ${name}, its event ${type}`)
    must(event.sequence_number === place, `sequence_number ${event.sequence_number} at place ${place}`)
    must(!over, `${type} after the end`)
    must(
      (place === 0) === (type === 'response.created') || (place === 0 && type === 'error'),
      `${type} at place ${place}`,
    )
    if (type === 'error') failed = true
    else if (lives.includes(type)) {
      response ??= event.response as JsonObject
      checkResponse(event.response as JsonObject, wrong)
    } else if (ends.includes(type)) finish(event)
    else if (type === 'response.output_item.added') begin(event)
    else if (type === 'response.output_item.done') end(event)
    else {
      const stem = [...Object.keys(words), ...Object.keys(parts), ...Object.keys(calls)].find(one =>
        type.startsWith(`${one}.`),
      )
      const step = stem === undefined ? '' : type.slice(stem.length + 1)
      if (stem === undefined) must(!spoken.has(String(items.at(-1)?.item.type)), `${type} is unknown`)
      else if (stem in words) word(stem, step, event)
      else if (stem in parts) part(stem, step, event)
      else call(stem, step, event)
    }
  })
  if (!over && !failed) wrong.push('no end')
  return wrong
}

/** The fields the official SDK's type has as required, and their kinds. */
const kinds: Record<string, (value: unknown) => boolean> = {
  id: value => typeof value === 'string' && value !== '',
  object: value => value === 'response',
  created_at: value => Number.isInteger(value),
  model: value => typeof value === 'string',
  output: Array.isArray,
  tools: Array.isArray,
  parallel_tool_calls: value => typeof value === 'boolean',
  tool_choice: value => typeof value === 'string' || isObject(value),
  error: value => value === null || isObject(value),
  incomplete_details: value => value === null || isObject(value),
  instructions: value => value === null || typeof value === 'string' || Array.isArray(value),
  metadata: value => value === null || isObject(value),
  temperature: value => value === null || typeof value === 'number',
  top_p: value => value === null || typeof value === 'number',
  text: isObject,
  usage: value => value === null || isUsage(value),
}

const isUsage = (value: unknown): boolean =>
  isObject(value) &&
  isObject(value.input_tokens_details) &&
  isObject(value.output_tokens_details) &&
  Number(value.input_tokens) + Number(value.output_tokens) === value.total_tokens

/** What is wrong with a whole answer. */
export const checkResponse = (response: JsonObject, wrong: string[] = []): string[] => {
  for (const [key, holds] of Object.entries(kinds))
    if (!holds(response[key])) wrong.push(`response.${key} is ${JSON.stringify(response[key])}`)
  return wrong
}
