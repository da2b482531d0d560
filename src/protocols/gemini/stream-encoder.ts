/** Events → chunks of an answer. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { type Cited, renderSources } from './citations.ts'
import { renderError } from './error.ts'
import { isBlock, renderFinish } from './finish.ts'
import { argsObject } from './parts/function-args.ts'
import { blockFor, renderMedia, slotFor } from './parts/part.ts'
import { camelBody } from './syntax/casing.ts'
import { renderUsage } from './usage.ts'

type Renderers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
type Voice = { part: PartKind; text: string; id: string; name: string; custom: boolean; seal?: Seal }

/** A chunk of words alone, which most are; `id`: the answer's. */
export type Words = (text: string, thought: boolean, id: string) => void

/**
 * The chunks a client gets. Words go out as they come, by a way of their own if there is one; a call, whose arguments are an object, when it
 * is whole.
 */
export const tellChunks =
  (exchange: Exchange, words?: Words): Stage<Event, JsonObject> =>
  emit => {
    const voices = new Map<number, Voice>()
    const cited: Cited[] = []
    const hidden = hidesThoughts(exchange)
    let id = exchange.id
    let told = false
    let malformed = false
    let usage: Usage | undefined
    let over = false

    const envelope = () => ({ modelVersion: exchange.model, responseId: id })
    const say = (part: JsonObject): void => {
      told = true
      emit({ candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }], ...envelope() })
    }

    const call = ({ id: own, name, text, custom, seal }: Voice): void => {
      const args = argsOf(text, custom)
      if (args === undefined) {
        malformed = true
        return void exchange.loss('functionCall', `the arguments of ${name} are no object`)
      }
      say({ functionCall: { id: own, name, args }, ...slotFor(seal, exchange) })
    }

    const render: Renderers = {
      start(event) {
        id = event.id || exchange.id
      },
      open({ at, part, id: own = '', name = '', custom = false }) {
        voices.set(at, { part, text: '', id: own, name, custom })
      },
      delta({ at, text }) {
        const voice = voices.get(at)
        if (voice === undefined) return
        voice.text += text
        if (voice.part === 'call' || (voice.part === 'reasoning' && hidden)) return
        const thought = voice.part === 'reasoning'
        if (!words) return say(thought ? { text, thought } : { text })
        told = true
        words(text, thought, id)
      },
      seal({ at, seal }) {
        const voice = voices.get(at)
        if (voice) voice.seal = seal
      },
      cite({ at, citation }) {
        cited.push({ citation, text: voices.get(at)?.text ?? '' })
      },
      close({ at }) {
        const voice = voices.get(at)
        voices.delete(at)
        if (voice?.part === 'call') call(voice)
        else if (voice) sealed(voice.part, slotFor(voice.seal, exchange))
      },
      part({ part }) {
        const media = part.type === 'media' ? renderMedia(part) : undefined
        const seal = part.type === 'media' || part.type === 'foreign' ? part.seal : undefined
        const block = part.type === 'foreign' ? blockFor(part.seal, exchange) : undefined
        if (media) say({ ...media, ...slotFor(seal, exchange) })
        else if (block) say(block)
        else exchange.loss(part.type, 'has no form in an answer of this protocol')
      },
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        over = true
        emit({ ...ending(reason, raw), ...(usage && { usageMetadata: renderUsage(usage) }), ...envelope() })
      },
      fault({ error }) {
        over = true
        emit(renderError(error) as JsonObject)
      },
    }

    const sealed = (part: PartKind, slot: JsonObject): void => {
      if (Object.keys(slot).length > 0) say({ text: '', ...(part === 'reasoning' && { thought: true }), ...slot })
    }

    /** Every chunk has a part: libraries that keep a conversation drop an answer with an empty content from it. */
    const ending = (reason: FinishReason, raw: string | undefined): JsonObject => {
      if (!told && isBlock(reason, raw)) return { promptFeedback: { blockReason: raw } }
      const word = malformed && reason !== 'length' ? 'MALFORMED_FUNCTION_CALL' : renderFinish(reason, raw)
      const sources = cited.length > 0 ? { groundingMetadata: renderSources(cited) } : {}
      const content = { parts: [{ text: '' }], role: 'model' }
      return { candidates: [{ content, finishReason: word, index: 0, ...sources }] }
    }

    return event => {
      if (event) render[event.type](event as never)
      else if (!over) render.fault({ type: 'fault', error: missingFinish() })
    }
  }

/** Undefined where the model wrote no JSON object; free text stands under `input`. */
const argsOf = (text: string, custom: boolean): Json | undefined => (custom ? { input: text } : argsObject(text))

/** Thoughts are shown to who asks for them: the text of an answer is often taken to be all its parts. */
const hidesThoughts = ({ clientRequest }: Exchange): boolean => {
  if (clientRequest === undefined) return false
  const { generationConfig } = camelBody({
    generationConfig: clientRequest.generationConfig ?? clientRequest.generation_config ?? null,
  })
  const config = isObject(generationConfig) ? generationConfig.thinkingConfig : undefined
  return !(isObject(config) && config.includeThoughts === true)
}
