/** Chunks of an answer → events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { citationsIn, hearSources, type Sources } from './citations.ts'
import { faultOf, finishOf, wordOf } from './finish.ts'
import { namesFor } from './parts/call-ids.ts'
import { argsText, rawArgs } from './parts/function-args.ts'
import { id, mediaIn, sealIn } from './parts/part.ts'
import { type Pieces, partialArgs } from './parts/partial-args.ts'
import { listOf } from './syntax/casing.ts'
import { freeTextTools } from './tools.ts'
import { parseUsage } from './usage.ts'

/** `text`: the chunk as it came, for the arguments of its calls. `finish`: the vendor's word, as far as it has said one. */
export type Ear = {
  chunk: (body: JsonObject, text?: string) => void
  end: (fault?: GatewayError) => void
  readonly finish: string | undefined
}
type Words = { kind: 'text' | 'reasoning'; at: number; text: string; sealed: boolean }

/**
 * Gemini names no parts: one opens with its first words and closes when another kind follows, or behind its signature. Calls come whole, or
 * from Vertex in pieces. After a finish more parts may follow, and another finish.
 */
export const hearChunks = (exchange: Exchange, emit: (event: Event) => void): Ear => {
  const { loss, sealOrigin } = exchange
  const nameCall = namesFor(exchange.id)
  const freeText = freeTextTools(exchange)
  const sources: Sources = {}
  const noted = new Set<string>()
  let next = 0
  let words: Words | undefined
  let growing: { at: number; partial: Pieces; custom: boolean } | undefined
  let called = false
  /** Anything but thoughts has been said. */
  let answered = false
  let started = false
  let usage: Usage | undefined
  let finish: string | undefined
  let blocked: string | undefined
  let raw: (string | undefined)[] = []

  const note = (path: string, why: string): void => {
    if (!noted.has(path)) loss(path, why)
    noted.add(path)
  }

  const close = (): void => {
    if (words) emit({ type: 'close', at: words.at })
    words = undefined
    if (growing) closeCall(growing.at, growing.partial.text(), growing.custom)
    growing = undefined
  }

  const say = (kind: Words['kind'], text: string, seal: Seal | undefined): void => {
    if (text === '' && seal === undefined) return
    if (words?.kind !== kind || words.sealed) {
      close()
      words = { kind, at: next++, text: '', sealed: false }
      emit({ type: 'open', at: words.at, part: kind })
    }
    words.text += text
    if (kind === 'text' && text.trim() !== '') answered = true
    if (text !== '') emit({ type: 'delta', at: words.at, text })
    if (seal === undefined) return
    words.sealed = true
    emit({ type: 'seal', at: words.at, seal })
  }

  const closeCall = (at: number, args: string, custom: boolean): void => {
    const text = custom ? inputOf(args) : args
    if (text !== '') emit({ type: 'delta', at, text })
    emit({ type: 'close', at })
  }

  const call = (told: JsonObject, seal: Seal | undefined): void => {
    const name = textOf(told.name) ?? ''
    const written = raw.shift()
    if (growing && name === '') {
      growing.partial.take(told)
      if (told.willContinue !== true) close()
      return
    }
    if (name === '') return void note('functionCall', 'a call without a name was left out')
    close()
    answered = true
    const custom = freeText?.has(name) ?? false
    const at = next++
    if (name === exchange.structuredOutputTool) emit({ type: 'open', at, part: 'text' })
    else {
      called = true
      emit({ type: 'open', at, part: 'call', id: nameCall(textOf(told.id)), name, ...(custom && { custom }) })
    }
    if (seal) emit({ type: 'seal', at, seal })
    if (told.willContinue !== true && !Array.isArray(told.partialArgs))
      return void closeCall(at, argsText(told.args, written), custom)
    growing = { at, partial: partialArgs(), custom }
    growing.partial.take(told)
    if (told.willContinue !== true) close()
  }

  const hear = (part: JsonObject): void => {
    const seal = sealIn(part, undefined, sealOrigin)
    if (isObject(part.functionCall)) return void call(part.functionCall, seal)
    if (typeof part.text === 'string') return void say(part.thought === true ? 'reasoning' : 'text', part.text, seal)
    if (Object.keys(part).length === 0) return
    close()
    answered = true
    const media = part.thought === true ? undefined : mediaIn(part, sealOrigin)
    emit({
      type: 'part',
      at: next++,
      part: media ?? { type: 'foreign', seal: { by: id, at: sealOrigin, value: part } },
    })
  }

  const candidate = (one: JsonObject): void => {
    if (typeof one.index === 'number' && one.index !== 0)
      return void note('candidates', 'only the first candidate is translated')
    if (isObject(one.logprobsResult)) note('logprobsResult', 'the neutral form has no place for it')
    if (isObject(one.content)) for (const part of listOf(one.content.parts)) hear(part)
    hearSources(sources, one)
    finish = wordOf(one.finishReason) ?? finish
  }

  const chunk = (body: JsonObject, text?: string): void => {
    raw = text?.includes('"functionCall"') ? rawArgs(text) : []
    if (!started)
      emit({ type: 'start', id: textOf(body.responseId) || exchange.id, model: textOf(body.modelVersion) ?? '' })
    started = true
    listOf(body.candidates).forEach(candidate)
    usage = parseUsage(body.usageMetadata) ?? usage
    if (isObject(body.promptFeedback)) blocked = wordOf(body.promptFeedback.blockReason) ?? blocked
  }

  const cite = (): void => {
    const citations = citationsIn(sources, words?.text ?? '')
    if (words?.kind === 'text') for (const citation of citations) emit({ type: 'cite', at: words.at, citation })
    else if (citations.length > 0) note('groundingMetadata', 'no text stands before it')
  }

  const end = (cut?: GatewayError): void => {
    if (!growing) cite()
    close()
    if (usage) emit({ type: 'usage', usage })
    const told = finish ?? blocked
    const fault = cut ?? faultOf(finish, answered)
    if (fault) emit({ type: 'fault', error: fault })
    else if (finish === undefined && blocked !== undefined) emit({ type: 'finish', reason: 'filter', raw: blocked })
    else emit({ type: 'finish', reason: finishOf(told ?? '', called), ...(told !== undefined && { raw: told }) })
  }

  return {
    chunk,
    end,
    get finish() {
      return finish ?? blocked
    },
  }
}

/** What a free-text tool was called with. */
const inputOf = (args: string): string => {
  const given: Json | undefined = parseJson(args)
  return isObject(given) && typeof given.input === 'string' ? given.input : args
}
