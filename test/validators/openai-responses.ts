/**
 * A state machine for a stream of Responses as documented: which event may follow which, and that the final answer
 * equals the events before it. https://platform.openai.com/docs/api-reference/responses-streaming
 */
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

type Part = { type: string; text: string; open: boolean; annotations: unknown[] }
type Item = { item: JsonObject; open: boolean; content: Part[]; summary: Part[]; text: string; done: boolean }

/**
 * Text events by the stem of the event name: the array that holds the part, the field of its index, the type of the
 * part, and the field of its full text.
 */
const textEvents: Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index', string, string]> =
  {
    'response.output_text': ['content', 'content_index', 'output_text', 'text'],
    'response.refusal': ['content', 'content_index', 'refusal', 'refusal'],
    'response.reasoning_text': ['content', 'content_index', 'reasoning_text', 'text'],
    'response.reasoning_summary_text': ['summary', 'summary_index', 'summary_text', 'text'],
  }
const partEvents: Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index']> = {
  'response.content_part': ['content', 'content_index'],
  'response.reasoning_summary_part': ['summary', 'summary_index'],
}
const callEvents: Record<string, readonly [type: string, slot: string]> = {
  'response.function_call_arguments': ['function_call', 'arguments'],
  'response.custom_tool_call_input': ['custom_tool_call', 'input'],
}
const progressEvents = ['response.created', 'response.queued', 'response.in_progress']
const finalEvents = ['response.completed', 'response.incomplete', 'response.failed']
const knownItemTypes = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call'])

/** Returns what is wrong with the frames. Empty if nothing is. */
export const check = (frames: readonly Frame[]): string[] => {
  const problems: string[] = []
  const items: Item[] = []
  let response: JsonObject | undefined
  let finished = false
  let failed = false

  const assert = (isTrue: boolean, what: string): void => {
    if (!isTrue) problems.push(what)
  }

  const itemAt = (event: JsonObject): Item | undefined => {
    const item = items[event.output_index as number]
    assert(item?.open === true, `${event.type}: no open item ${event.output_index}`)
    assert(item?.item.id === event.item_id, `${event.type}: item_id ${event.item_id} is not ${item?.item.id}`)
    return item
  }

  const onItemAdded = (event: JsonObject): void => {
    const item = event.item as JsonObject
    assert(event.output_index === items.length, `item ${event.output_index} begins at place ${items.length}`)
    assert(typeof item.id === 'string' && item.id !== '', 'an item without an id')
    assert(!items.some(one => one.item.id === item.id), `the id ${item.id} is there twice`)
    if (item.type === 'message')
      assert(Array.isArray(item.content) && item.content.length === 0, 'a message begins full')
    if (item.type === 'reasoning') assert(Array.isArray(item.summary), 'thoughts without a summary')
    items.push({ item, open: true, content: [], summary: [], text: '', done: false })
  }

  const onItemDone = (event: JsonObject): void => {
    const known = items[event.output_index as number]
    const item = event.item as JsonObject
    if (known === undefined || !known.open) return void problems.push(`item ${event.output_index} ends unbegun`)
    known.open = false
    assert(known.item.id === item.id && known.item.type === item.type, 'an item ends as another')
    for (const list of ['content', 'summary'] as const) {
      assert(
        known[list].every(part => !part.open),
        `item ${event.output_index} ends with an open part`,
      )
      const expectedParts = Array.isArray(item[list]) ? (item[list] as JsonObject[]) : []
      if (item.type === 'message' || (item.type === 'reasoning' && list === 'summary' && known.summary.length > 0)) {
        assert(
          expectedParts.length === known[list].length,
          `item ${event.output_index}: ${list} has parts that were not told`,
        )
        expectedParts.forEach((part, position) => {
          assert((part.text ?? part.refusal) === known[list][position]?.text, `item ${event.output_index}: other words`)
          if (part.type === 'output_text')
            assert(
              JSON.stringify(part.annotations) === JSON.stringify(known[list][position]?.annotations),
              'other annotations than were told',
            )
        })
      }
    }
    const [, field] = Object.values(callEvents).find(([type]) => type === item.type) ?? []
    if (field) {
      assert(item[field] === known.text && known.done, `${item.type} ends with other words than were told`)
      assert(typeof item.call_id === 'string' && item.call_id !== '', 'a call without a call_id')
      assert(item.status === 'completed' || item.status === 'incomplete', 'a call ends without a status')
    }
    known.item = item
  }

  const onPartEvent = (stem: string, step: string, event: JsonObject): void => {
    const [list, number] = partEvents[stem]!
    const item = itemAt(event)
    const expected = event.part as JsonObject
    if (item === undefined) return
    if (step === 'added') {
      assert(event[number] === item[list].length, `${event.type}: ${number} ${event[number]}, not ${item[list].length}`)
      item[list].push({ type: String(expected.type), text: '', open: true, annotations: [] })
      return
    }
    const known = item[list][event[number] as number]
    if (known === undefined) return void problems.push(`${event.type}: unbegun`)
    assert(known.open && known.type === expected.type, `${event.type}: not the part that is open`)
    assert((expected.text ?? expected.refusal) === known.text, `${event.type}: other words`)
    known.open = false
  }

  const onTextEvent = (stem: string, step: string, event: JsonObject): void => {
    const [list, number, type, field] = textEvents[stem]!
    const known = itemAt(event)?.[list][event[number] as number]
    if (known === undefined) return void problems.push(`${event.type}: no part ${event[number]}`)
    assert(known.open && known.type === type, `${event.type}: in a part of type ${known.type}`)
    if (step === 'delta') {
      assert(typeof event.delta === 'string' && event.delta !== '', `${event.type}: empty`)
      known.text += String(event.delta)
    } else if (step === 'done') assert(event[field] === known.text, `${event.type}: the pieces do not add up`)
    else if (step === 'annotation.added') {
      assert(event.annotation_index === known.annotations.length, 'an annotation out of turn')
      known.annotations.push(event.annotation)
    } else problems.push(`${event.type} is unknown`)
  }

  const onCallEvent = (stem: string, step: string, event: JsonObject): void => {
    const [type, field] = callEvents[stem]!
    const item = itemAt(event)
    if (item === undefined) return
    assert(item.item.type === type, `${event.type} in an item of type ${item.item.type}`)
    assert(!item.done, `${event.type} after done`)
    if (step === 'delta') item.text += String(event.delta)
    else {
      assert(event[field] === item.text, `${event.type}: the pieces do not add up`)
      item.done = true
    }
  }

  const onFinalEvent = (event: JsonObject): void => {
    const expected = event.response as JsonObject
    finished = true
    checkResponse(expected, problems)
    assert(
      expected.status === String(event.type).slice('response.'.length),
      `${event.type} with status ${expected.status}`,
    )
    assert(expected.id === response?.id, 'the answer ends by another id')
    if (event.type === 'response.failed') return
    assert(!failed, 'an end after an error')
    assert(
      items.every(item => !item.open),
      'the answer ends with an open item',
    )
    assert(
      JSON.stringify(expected.output) === JSON.stringify(items.map(({ item }) => item)),
      'the items of the answer are not those that were told',
    )
    if (event.type === 'response.incomplete')
      assert(isObject(expected.incomplete_details), 'incomplete, and no word of why')
  }

  frames.forEach(({ event: name, data }, position) => {
    const event = JSON.parse(data) as JsonObject
    const type = String(event.type)
    assert(name === type, `the frame is called ${name}, its event ${type}`)
    assert(event.sequence_number === position, `sequence_number ${event.sequence_number} at place ${position}`)
    assert(!finished, `${type} after the end`)
    assert(
      (position === 0) === (type === 'response.created') || (position === 0 && type === 'error'),
      `${type} at place ${position}`,
    )
    if (type === 'error') failed = true
    else if (progressEvents.includes(type)) {
      response ??= event.response as JsonObject
      checkResponse(event.response as JsonObject, problems)
    } else if (finalEvents.includes(type)) onFinalEvent(event)
    else if (type === 'response.output_item.added') onItemAdded(event)
    else if (type === 'response.output_item.done') onItemDone(event)
    else {
      const stem = [...Object.keys(textEvents), ...Object.keys(partEvents), ...Object.keys(callEvents)].find(one =>
        type.startsWith(`${one}.`),
      )
      const step = stem === undefined ? '' : type.slice(stem.length + 1)
      if (stem === undefined) assert(!knownItemTypes.has(String(items.at(-1)?.item.type)), `${type} is unknown`)
      else if (stem in textEvents) onTextEvent(stem, step, event)
      else if (stem in partEvents) onPartEvent(stem, step, event)
      else onCallEvent(stem, step, event)
    }
  })
  if (!finished && !failed) problems.push('no end')
  return problems
}

/** The fields that the official SDK's type requires, with a check of each. */
const fieldChecks: Record<string, (value: unknown) => boolean> = {
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

/** Returns what is wrong with a complete answer. */
export const checkResponse = (response: JsonObject, problems: string[] = []): string[] => {
  for (const [key, isTrue] of Object.entries(fieldChecks))
    if (!isTrue(response[key])) problems.push(`response.${key} is ${JSON.stringify(response[key])}`)
  return problems
}
