/** Encodes events as chunks of Chat Completions. */

import { isObject, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { renderAnnotation } from './citations.ts'
import { renderError } from './error.ts'
import { renderMedia } from './media.ts'
import { writeSealSlot } from './reasoning/seal-slot.ts'
import { legacyId } from './stream-decoder.ts'
import { renderUsage } from './usage.ts'

type EventHandlers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
/** Writes one open part: how its text becomes a delta, and whether it has had any text. */
type PartWriter = {
  renderText: (text: string) => JsonObject
  hasText: boolean
  part: PartKind
  index?: number
  seal?: Seal
  buffer?: string[]
}

const finishReasons: Record<FinishReason, string> = {
  stop: 'stop',
  length: 'length',
  calls: 'tool_calls',
  filter: 'content_filter',
  pause: 'stop',
  other: 'stop',
}

/** Encodes the chunks for a client. If the client requested usage, the usage comes last, in a chunk of its own. */
export const encodeChatStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const writers = new Map<number, PartWriter>()
    const customTools = customToolNames(exchange.clientRequest)
    const notedPaths = new Set<string>()
    let id = exchange.id
    let calls = 0
    let isLegacy = false
    let usage: Usage | undefined
    let finished = false
    /** Seals of reasoning that no call has carried yet. */
    let reasoningSeals: Seal[] = []

    const envelope = () => ({ id, object: 'chat.completion.chunk', created: exchange.created, model: exchange.model })
    const emitChunk = (delta: JsonObject, finish: string | null = null): void =>
      emit({
        ...envelope(),
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(exchange.usageRequested && { usage: null }),
      })

    const noteOnce = (path: string, why: string): void => {
      if (!notedPaths.has(path)) exchange.loss(path, why)
      notedPaths.add(path)
    }

    const openCall = ({ at, id: callId = '', name = '', custom }: Extract<Event, { type: 'open' }>): void => {
      if (callId.startsWith(legacyId)) {
        isLegacy = true
        writers.set(at, { renderText: text => ({ function_call: { arguments: text } }), hasText: false, part: 'call' })
        emitChunk({ function_call: { name, arguments: '' } })
        return
      }
      const index = calls++
      const isWrapped = !custom && customTools.has(name)
      const [type, inputField] = custom || isWrapped ? ['custom', 'input'] : ['function', 'arguments']
      const renderText = (text: string) => ({
        tool_calls: [{ index, [type as string]: { [inputField as string]: text } }],
      })
      writers.set(at, {
        renderText,
        hasText: custom === true || isWrapped,
        part: 'call',
        index,
        ...(isWrapped && { buffer: [] }),
      })
      emitChunk({
        tool_calls: [
          { index, id: callId, type: type as string, [type as string]: { name, [inputField as string]: '' } },
        ],
      })
    }

    /**
     * A call carries its own seal and the seal of the reasoning before it. If several reasoning parts are sealed, only
     * the memory of the gateway can keep them.
     */
    const emitCallSeal = (index: number, callSeal: Seal | undefined): void => {
      if (reasoningSeals.length > 1 && !exchange.seals) noteOnce('seal', 'a call carries the seal of one thought')
      const sealSlot = writeSealSlot({
        ...(callSeal && { callSeal }),
        ...(reasoningSeals.length === 1 && { reasoningSeal: reasoningSeals[0]! }),
      })
      reasoningSeals = []
      if (sealSlot) emitChunk({ tool_calls: [{ index, function: { arguments: '' }, extra_content: sealSlot }] })
    }

    const finishReasonOf = (reason: FinishReason, raw: string | undefined): string => {
      if (reason === 'pause' || reason === 'other')
        noteOnce('finish_reason', `"${raw ?? reason}" has no word in this protocol`)
      if (reason === 'calls' || (calls > 0 && finishReasons[reason] === 'stop'))
        return isLegacy && calls === 0 ? 'function_call' : 'tool_calls'
      return finishReasons[reason]
    }

    const handlers: EventHandlers = {
      start(event) {
        id = event.id || exchange.id
        emitChunk({ role: 'assistant', content: '' })
      },
      open(event) {
        if (event.part === 'call') return openCall(event)
        const key = { text: 'content', refusal: 'refusal', reasoning: 'reasoning_content' }[event.part]
        writers.set(event.at, { renderText: text => ({ [key]: text }), hasText: false, part: event.part })
      },
      delta({ at, text }) {
        const writer = writers.get(at)
        if (writer === undefined || text === '') return
        writer.hasText = true
        if (writer.buffer) writer.buffer.push(text)
        else emitChunk(writer.renderText(text))
      },
      seal({ at, seal }) {
        const writer = writers.get(at)
        if (writer?.part === 'reasoning') reasoningSeals.push(seal)
        else if (writer?.index === undefined) noteOnce('seal', `only ${seal.by} can read what was sealed`)
        else if (seal.by !== 'openai-chat') writer.seal = seal
        else if (isObject(seal.value))
          emitChunk({ tool_calls: [{ index: writer.index, function: { arguments: '' }, ...seal.value }] })
      },
      cite({ citation }) {
        const annotation = renderAnnotation(citation)
        if (annotation) emitChunk({ annotations: [annotation] })
        else noteOnce('annotations', 'a source without an address has no form here')
      },
      close({ at }) {
        const writer = writers.get(at)
        if (writer?.buffer) emitChunk(writer.renderText(customInputOf(writer.buffer.join(''))))
        if (writer?.part === 'call' && !writer.hasText) emitChunk(writer.renderText('{}'))
        if (writer?.index !== undefined) emitCallSeal(writer.index, writer.seal)
        writers.delete(at)
      },
      part({ part }) {
        if (part.type === 'foreign' && part.seal.by === 'openai-chat') emitChunk(part.seal.value as JsonObject)
        else if (part.type !== 'media') noteOnce(part.type, 'has no form in an answer of this protocol')
        else {
          const image = renderMedia(part, 'images', noteOnce)
          if (image) emitChunk({ images: [image] })
        }
      },
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        finished = true
        if (reasoningSeals.length > 0) noteOnce('seal', 'thoughts that lead to no call have no place for it')
        emitChunk({}, finishReasonOf(reason, raw))
      },
      fault({ error }) {
        finished = true
        emit(renderError(error) as JsonObject)
      },
    }

    return event => {
      if (event) handlers[event.type](event as never)
      else if (!finished) handlers.fault({ type: 'fault', error: missingFinish() })
      else if (usage && exchange.usageRequested) emit({ ...envelope(), choices: [], usage: renderUsage(usage) })
    }
  }

/**
 * Returns the names of the free-text tools of the client. A vendor without such tools calls them as functions with a
 * single `input`.
 */
const customToolNames = (clientRequest: JsonObject | undefined): ReadonlySet<string> => {
  const tools = Array.isArray(clientRequest?.tools) ? clientRequest.tools.filter(isObject) : []
  return new Set(tools.flatMap(({ custom }) => (isObject(custom) ? [String(custom.name)] : [])))
}

/** Unwraps `{"input": "…"}`. Text of any other form is returned unchanged. */
const customInputOf = (args: string): string => {
  const parsed = parseJson(args)
  return isObject(parsed) && typeof parsed.input === 'string' ? parsed.input : args
}
