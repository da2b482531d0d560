/** Calls of functions and of free-text tools. */

import { isObject, parseJson } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import type { Event } from '../../../ir/event.ts'
import { ownFields, type Place, type Voice, type Writer } from './item-writer.ts'

type Opening = Extract<Event, { type: 'open' }>

/** Names of the client's free-text tools: a vendor without such tools calls them as functions of one `input`. */
export const customNames = ({ exchange: { clientRequest } }: Writer): ReadonlySet<string> => {
  const tools = Array.isArray(clientRequest?.tools) ? clientRequest.tools.filter(isObject) : []
  return new Set(tools.filter(({ type }) => type === 'custom').map(({ name }) => String(name)))
}

/**
 * A call begins with its second piece, or its end: its seal, which must stand before it, comes with the first one.
 * `leave` ends what was told before.
 */
export const callVoice = (opening: Opening, names: ReadonlySet<string>, writer: Writer, leave: () => void): Voice => {
  const { id = '', name = '' } = opening
  const custom = opening.custom === true || names.has(name)
  const wrapped = custom && opening.custom !== true
  const [type, slot, word] = custom
    ? (['custom_tool_call', 'input', 'custom_tool_call_input'] as const)
    : (['function_call', 'arguments', 'function_call_arguments'] as const)
  const texts: string[] = []
  let place: Place | undefined
  let foreign: Seal | undefined
  let own = {}

  const say = (delta: string): void => {
    const { id: item, index } = begin()
    writer.event(`response.${word}.delta`, { item_id: item, output_index: index, delta })
  }

  const begin = (): Place => {
    if (place) return place
    leave()
    if (foreign) writer.carry(foreign, 'next')
    place = writer.begin(custom ? 'ctc' : 'fc', { type, status: 'in_progress', [slot]: '', call_id: id, name, ...own })
    if (texts.length > 0 && !wrapped) say(texts.join(''))
    return place
  }

  return {
    delta(text) {
      if (texts.length > 0 && !wrapped) {
        begin()
        say(text)
      }
      texts.push(text)
    },
    seal(seal) {
      if (seal.by === 'openai-responses') own = ownFields(seal)
      else if (place) writer.lose('seal', `that of ${seal.by} came after its call had begun`)
      else foreign = seal
    },
    close() {
      const { id: item, index } = begin()
      const said = texts.join('')
      const text = wrapped ? inputOf(said) : said === '' && !custom ? '{}' : said
      if (wrapped || texts.length === 0) if (text !== '') say(text)
      writer.event(`response.${word}.done`, {
        item_id: item,
        output_index: index,
        ...(!custom && { name }),
        [slot]: text,
      })
      writer.end({ id: item, index }, { type, status: 'completed', [slot]: text, call_id: id, name, ...own })
    },
    cut() {
      if (place) writer.leave(place, { type, [slot]: wrapped ? '' : texts.join(''), call_id: id, name, ...own })
    },
  }
}

/** `{"input": "…"}` → the text; what has another form stays as it is. */
const inputOf = (args: string): string => {
  const told = parseJson(args)
  return isObject(told) && typeof told.input === 'string' ? told.input : args
}
