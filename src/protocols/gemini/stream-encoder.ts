/** Neutral events → chunks of a response. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { type CitedText, renderSources } from './citations.ts'
import { renderError } from './error.ts'
import { isBlockReason, renderFinish } from './finish.ts'
import { argsObject } from './parts/function-args.ts'
import { foreignBlockFor, renderMedia, signatureSlotFor } from './parts/part.ts'
import { camelBody } from './syntax/casing.ts'
import { renderUsage } from './usage.ts'

type EventHandlers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
type OpenPart = { part: PartKind; text: string; id: string; name: string; custom: boolean; seal?: Seal }

/** Writes a chunk that holds only text, as most chunks do. `id`: the response id. */
export type WriteText = (text: string, thought: boolean, id: string) => void

/**
 * Encodes the chunks for a client. Text is sent immediately, by `writeText` if given. A call is sent when it is
 * complete, because its arguments are an object.
 */
export const encodeGeminiStream =
  (exchange: Exchange, writeText?: WriteText): Stage<Event, JsonObject> =>
  emit => {
    const openParts = new Map<number, OpenPart>()
    const cited: CitedText[] = []
    const areThoughtsHidden = hidesThoughts(exchange)
    let id = exchange.id
    let hasContent = false
    let hasMalformedCall = false
    let usage: Usage | undefined
    let hasEnded = false

    const envelope = () => ({ modelVersion: exchange.model, responseId: id })
    const emitPart = (part: JsonObject): void => {
      hasContent = true
      emit({ candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }], ...envelope() })
    }

    const emitCall = ({ id: callId, name, text, custom, seal }: OpenPart): void => {
      const args = argsOf(text, custom)
      if (args === undefined) {
        hasMalformedCall = true
        return void exchange.loss('functionCall', `the arguments of ${name} are no object`)
      }
      emitPart({ functionCall: { id: callId, name, args }, ...signatureSlotFor(seal, exchange) })
    }

    const handlers: EventHandlers = {
      start(event) {
        id = event.id || exchange.id
      },
      open({ at, part, id: callId = '', name = '', custom = false }) {
        openParts.set(at, { part, text: '', id: callId, name, custom })
      },
      delta({ at, text }) {
        const openPart = openParts.get(at)
        if (openPart === undefined) return
        openPart.text += text
        if (openPart.part === 'call' || (openPart.part === 'reasoning' && areThoughtsHidden)) return
        const thought = openPart.part === 'reasoning'
        if (!writeText) return emitPart(thought ? { text, thought } : { text })
        hasContent = true
        writeText(text, thought, id)
      },
      seal({ at, seal }) {
        const openPart = openParts.get(at)
        if (openPart) openPart.seal = seal
      },
      cite({ at, citation }) {
        cited.push({ citation, text: openParts.get(at)?.text ?? '' })
      },
      close({ at }) {
        const openPart = openParts.get(at)
        openParts.delete(at)
        if (openPart?.part === 'call') emitCall(openPart)
        else if (openPart) emitSeal(openPart.part, signatureSlotFor(openPart.seal, exchange))
      },
      part({ part }) {
        const media = part.type === 'media' ? renderMedia(part) : undefined
        const seal = part.type === 'media' || part.type === 'foreign' ? part.seal : undefined
        const block = part.type === 'foreign' ? foreignBlockFor(part.seal, exchange) : undefined
        if (media) emitPart({ ...media, ...signatureSlotFor(seal, exchange) })
        else if (block) emitPart(block)
        else exchange.loss(part.type, 'has no form in an answer of this protocol')
      },
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        hasEnded = true
        emit({ ...lastChunk(reason, raw), ...(usage && { usageMetadata: renderUsage(usage) }), ...envelope() })
      },
      fault({ error }) {
        hasEnded = true
        emit(renderError(error) as JsonObject)
      },
    }

    const emitSeal = (part: PartKind, slot: JsonObject): void => {
      if (Object.keys(slot).length > 0) emitPart({ text: '', ...(part === 'reasoning' && { thought: true }), ...slot })
    }

    /**
     * The last chunk has an empty part, because libraries that keep the conversation drop an answer whose content is
     * empty.
     */
    const lastChunk = (reason: FinishReason, raw: string | undefined): JsonObject => {
      if (!hasContent && isBlockReason(reason, raw)) return { promptFeedback: { blockReason: raw } }
      const reasonName = hasMalformedCall && reason !== 'length' ? 'MALFORMED_FUNCTION_CALL' : renderFinish(reason, raw)
      const sources = cited.length > 0 ? { groundingMetadata: renderSources(cited) } : {}
      const content = { parts: [{ text: '' }], role: 'model' }
      return { candidates: [{ content, finishReason: reasonName, index: 0, ...sources }] }
    }

    return event => {
      if (event) handlers[event.type](event as never)
      else if (!hasEnded) handlers.fault({ type: 'fault', error: missingFinish() })
    }
  }

/** Parses the arguments of a call. Undefined if they are not a JSON object. Free text is put under `input`. */
const argsOf = (text: string, custom: boolean): Json | undefined => (custom ? { input: text } : argsObject(text))

/**
 * Whether thoughts are hidden. Only clients that ask for thoughts get them, because others often read all parts as the
 * answer.
 */
const hidesThoughts = ({ clientRequest }: Exchange): boolean => {
  if (clientRequest === undefined) return false
  const { generationConfig } = camelBody({
    generationConfig: clientRequest.generationConfig ?? clientRequest.generation_config ?? null,
  })
  const config = isObject(generationConfig) ? generationConfig.thinkingConfig : undefined
  return !(isObject(config) && config.includeThoughts === true)
}
