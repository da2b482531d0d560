/** Writes function calls and calls of free-text tools. */

import { isObject, parseJson } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import type { Event } from '../../../ir/event.ts'
import { type ItemRef, type PartWriter, type ResponseWriter, sealedFieldsOf } from './item-writer.ts'

type OpenEvent = Extract<Event, { type: 'open' }>

/**
 * Returns the names of the free-text tools of the client. A vendor without such tools calls them as functions with a
 * single `input`.
 */
export const customToolNames = ({ exchange: { clientRequest } }: ResponseWriter): ReadonlySet<string> => {
  const tools = Array.isArray(clientRequest?.tools) ? clientRequest.tools.filter(isObject) : []
  return new Set(tools.filter(({ type }) => type === 'custom').map(({ name }) => String(name)))
}

/**
 * The item of a call starts with the second delta, or at the end of the call. The seal of a call comes with the first
 * delta, and its item must come before the call.
 * @param endMessage ends the open message
 */
export const callWriter = (
  openEvent: OpenEvent,
  customTools: ReadonlySet<string>,
  response: ResponseWriter,
  endMessage: () => void,
): PartWriter => {
  const { id = '', name = '' } = openEvent
  const isCustom = openEvent.custom === true || customTools.has(name)
  const isWrapped = isCustom && openEvent.custom !== true
  const [type, inputField, eventStem] = isCustom
    ? (['custom_tool_call', 'input', 'custom_tool_call_input'] as const)
    : (['function_call', 'arguments', 'function_call_arguments'] as const)
  const texts: string[] = []
  let ref: ItemRef | undefined
  let foreignSeal: Seal | undefined
  let sealedFields = {}

  const emitDelta = (delta: string): void => {
    const { id: item, index } = startItem()
    response.emitEvent(`response.${eventStem}.delta`, { item_id: item, output_index: index, delta })
  }

  const startItem = (): ItemRef => {
    if (ref) return ref
    endMessage()
    if (foreignSeal) response.carrySeal(foreignSeal, 'next')
    ref = response.startItem(isCustom ? 'ctc' : 'fc', {
      type,
      status: 'in_progress',
      [inputField]: '',
      call_id: id,
      name,
      ...sealedFields,
    })
    if (texts.length > 0 && !isWrapped) emitDelta(texts.join(''))
    return ref
  }

  return {
    delta(text) {
      if (texts.length > 0 && !isWrapped) {
        startItem()
        emitDelta(text)
      }
      texts.push(text)
    },
    seal(seal) {
      if (seal.by === 'openai-responses') sealedFields = sealedFieldsOf(seal)
      else if (ref) response.noteLoss('seal', `that of ${seal.by} came after its call had begun`)
      else foreignSeal = seal
    },
    close() {
      const { id: item, index } = startItem()
      const joined = texts.join('')
      const text = isWrapped ? customInputOf(joined) : joined === '' && !isCustom ? '{}' : joined
      if (isWrapped || texts.length === 0) if (text !== '') emitDelta(text)
      response.emitEvent(`response.${eventStem}.done`, {
        item_id: item,
        output_index: index,
        ...(!isCustom && { name }),
        [inputField]: text,
      })
      response.endItem(
        { id: item, index },
        { type, status: 'completed', [inputField]: text, call_id: id, name, ...sealedFields },
      )
    },
    abort() {
      if (ref)
        response.leaveIncomplete(ref, {
          type,
          [inputField]: isWrapped ? '' : texts.join(''),
          call_id: id,
          name,
          ...sealedFields,
        })
    },
  }
}

/** Unwraps `{"input": "…"}`. Text of any other form is returned unchanged. */
const customInputOf = (args: string): string => {
  const parsed = parseJson(args)
  return isObject(parsed) && typeof parsed.input === 'string' ? parsed.input : args
}
