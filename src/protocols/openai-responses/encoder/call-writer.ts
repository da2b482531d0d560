/** Writes function calls and calls of free-text tools. */

import { isObject, type JsonObject, parseJson } from '../../../base/json/json.ts'
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

/** The words of this protocol for one kind of call. */
type CallForm = { type: string; idPrefix: string; inputField: string; deltaEvent: string; doneEvent: string }

const functionCall: CallForm = {
  type: 'function_call',
  idPrefix: 'fc',
  inputField: 'arguments',
  deltaEvent: 'response.function_call_arguments.delta',
  doneEvent: 'response.function_call_arguments.done',
}
const customToolCall: CallForm = {
  type: 'custom_tool_call',
  idPrefix: 'ctc',
  inputField: 'input',
  deltaEvent: 'response.custom_tool_call_input.delta',
  doneEvent: 'response.custom_tool_call_input.done',
}

/**
 * Writes one call. Its item starts with the second delta, or at the end of the call: the seal of a call comes with the
 * first delta, and the item of the seal must come before the call.
 */
export class CallWriter implements PartWriter {
  readonly #id: string
  readonly #name: string
  readonly #form: CallForm
  /** The input of a free-text tool is wrapped in the arguments of a function. */
  readonly #isWrapped: boolean
  readonly #texts: string[] = []
  #ref: ItemRef | undefined
  #foreignSeal: Seal | undefined
  #sealedFields: JsonObject = {}

  /** @param endMessage ends the open message */
  constructor(
    { id = '', name = '', custom }: OpenEvent,
    customTools: ReadonlySet<string>,
    private readonly response: ResponseWriter,
    private readonly endMessage: () => void,
  ) {
    this.#id = id
    this.#name = name
    this.#isWrapped = custom !== true && customTools.has(name)
    this.#form = custom === true || this.#isWrapped ? customToolCall : functionCall
  }

  delta(text: string): void {
    if (this.#texts.length > 0 && !this.#isWrapped) this.#emitDelta(this.#startItem(), text)
    this.#texts.push(text)
  }

  seal(seal: Seal): void {
    if (seal.by === 'openai-responses') this.#sealedFields = sealedFieldsOf(seal)
    else if (this.#ref)
      this.response.noteLoss('seal', `the opaque state of ${seal.by} arrived after its tool call had started`)
    else this.#foreignSeal = seal
  }

  close(): void {
    const ref = this.#startItem()
    const { doneEvent, inputField } = this.#form
    const isFunction = this.#form === functionCall
    const joined = this.#texts.join('')
    const args = joined === '' && isFunction ? '{}' : joined
    const text = this.#isWrapped ? customInputOf(joined) : args
    if ((this.#isWrapped || this.#texts.length === 0) && text !== '') this.#emitDelta(ref, text)
    this.response.emitEvent(doneEvent, {
      item_id: ref.id,
      output_index: ref.index,
      ...(isFunction && { name: this.#name }),
      [inputField]: text,
    })
    this.response.endItem(ref, this.#renderItem('completed', text))
  }

  abort(): void {
    if (!this.#ref) return
    const { type, inputField } = this.#form
    this.response.leaveIncomplete(this.#ref, {
      type,
      [inputField]: this.#isWrapped ? '' : this.#texts.join(''),
      call_id: this.#id,
      name: this.#name,
      ...this.#sealedFields,
    })
  }

  #startItem(): ItemRef {
    if (this.#ref) return this.#ref
    this.endMessage()
    if (this.#foreignSeal) this.response.carrySeal(this.#foreignSeal, 'next')
    const ref = this.response.startItem(this.#form.idPrefix, this.#renderItem('in_progress', ''))
    this.#ref = ref
    if (this.#texts.length > 0 && !this.#isWrapped) this.#emitDelta(ref, this.#texts.join(''))
    return ref
  }

  #emitDelta({ id, index }: ItemRef, delta: string): void {
    this.response.emitEvent(this.#form.deltaEvent, { item_id: id, output_index: index, delta })
  }

  #renderItem(status: string, input: string): JsonObject {
    const { type, inputField } = this.#form
    return { type, status, [inputField]: input, call_id: this.#id, name: this.#name, ...this.#sealedFields }
  }
}

/** Unwraps `{"input": "…"}`. Text of any other form is returned unchanged. */
const customInputOf = (args: string): string => {
  const parsed = parseJson(args)
  return isObject(parsed) && typeof parsed.input === 'string' ? parsed.input : args
}
