/** Chunks of a response → neutral events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { citationsIn, mergeSources, type Sources } from './citations.ts'
import { faultOf, finishOf, reasonNameOf } from './finish.ts'
import { callIdsFor } from './parts/call-ids.ts'
import { argsText, rawArgs } from './parts/function-args.ts'
import { id, parseMedia, sealOf } from './parts/part.ts'
import { createPartialArgs, type PartialArgs } from './parts/partial-args.ts'
import { listOf } from './syntax/casing.ts'
import { freeTextTools } from './tools.ts'
import { parseUsage } from './usage.ts'

/**
 * `push` takes a chunk and its text, from which the exact arguments of calls are read.
 * `finishReason`: the vendor's finish or block reason, once received.
 */
export type GeminiDecoder = {
  push: (body: JsonObject, text?: string) => void
  end: (fault?: GatewayError) => void
  readonly finishReason: string | undefined
}
type OpenText = { kind: 'text' | 'reasoning'; at: number; text: string; isSealed: boolean }

/**
 * Gemini does not mark the start and end of parts. A part opens with its first text. It closes when a part of another
 * kind follows, or after its signature. Calls arrive complete, or in pieces from Vertex. After a finish reason more
 * parts and another finish reason may follow.
 */
export const createGeminiDecoder = (exchange: Exchange, emit: (event: Event) => void): GeminiDecoder => {
  const { loss, sealOrigin } = exchange
  const callIdFor = callIdsFor(exchange.id)
  const freeText = freeTextTools(exchange)
  const sources: Sources = {}
  const notedPaths = new Set<string>()
  let nextAt = 0
  let openText: OpenText | undefined
  let openCall: { at: number; partial: PartialArgs; custom: boolean } | undefined
  let hasCalls = false
  /** Anything but thoughts has been received. */
  let hasContent = false
  let hasStarted = false
  let usage: Usage | undefined
  let finishReason: string | undefined
  let blockReason: string | undefined
  let rawCallArgs: (string | undefined)[] = []

  const noteLossOnce = (path: string, why: string): void => {
    if (!notedPaths.has(path)) loss(path, why)
    notedPaths.add(path)
  }

  const closePart = (): void => {
    if (openText) emit({ type: 'close', at: openText.at })
    openText = undefined
    if (openCall) closeCall(openCall.at, openCall.partial.text(), openCall.custom)
    openCall = undefined
  }

  const addText = (kind: OpenText['kind'], text: string, seal: Seal | undefined): void => {
    if (text === '' && seal === undefined) return
    if (openText?.kind !== kind || openText.isSealed) {
      closePart()
      openText = { kind, at: nextAt++, text: '', isSealed: false }
      emit({ type: 'open', at: openText.at, part: kind })
    }
    openText.text += text
    if (kind === 'text' && text.trim() !== '') hasContent = true
    if (text !== '') emit({ type: 'delta', at: openText.at, text })
    if (seal === undefined) return
    openText.isSealed = true
    emit({ type: 'seal', at: openText.at, seal })
  }

  const closeCall = (at: number, args: string, custom: boolean): void => {
    const text = custom ? inputOf(args) : args
    if (text !== '') emit({ type: 'delta', at, text })
    emit({ type: 'close', at })
  }

  const addCall = (functionCall: JsonObject, seal: Seal | undefined): void => {
    const name = textOf(functionCall.name) ?? ''
    const rawText = rawCallArgs.shift()
    if (openCall && name === '') {
      openCall.partial.push(functionCall)
      if (functionCall.willContinue !== true) closePart()
      return
    }
    if (name === '') return void noteLossOnce('functionCall', 'a call without a name was left out')
    closePart()
    hasContent = true
    const custom = freeText?.has(name) ?? false
    const at = nextAt++
    if (name === exchange.structuredOutputTool) emit({ type: 'open', at, part: 'text' })
    else {
      hasCalls = true
      emit({ type: 'open', at, part: 'call', id: callIdFor(textOf(functionCall.id)), name, ...(custom && { custom }) })
    }
    if (seal) emit({ type: 'seal', at, seal })
    if (functionCall.willContinue !== true && !Array.isArray(functionCall.partialArgs))
      return void closeCall(at, argsText(functionCall.args, rawText), custom)
    openCall = { at, partial: createPartialArgs(), custom }
    openCall.partial.push(functionCall)
    if (functionCall.willContinue !== true) closePart()
  }

  const addPart = (part: JsonObject): void => {
    const seal = sealOf(part, undefined, sealOrigin)
    if (isObject(part.functionCall)) return void addCall(part.functionCall, seal)
    if (typeof part.text === 'string')
      return void addText(part.thought === true ? 'reasoning' : 'text', part.text, seal)
    if (Object.keys(part).length === 0) return
    closePart()
    hasContent = true
    const media = part.thought === true ? undefined : parseMedia(part, sealOrigin)
    emit({
      type: 'part',
      at: nextAt++,
      part: media ?? { type: 'foreign', seal: { by: id, at: sealOrigin, value: part } },
    })
  }

  const addCandidate = (one: JsonObject): void => {
    if (typeof one.index === 'number' && one.index !== 0)
      return void noteLossOnce('candidates', 'only the first candidate is translated')
    if (isObject(one.logprobsResult)) noteLossOnce('logprobsResult', 'the neutral form has no place for it')
    if (isObject(one.content)) for (const part of listOf(one.content.parts)) addPart(part)
    mergeSources(sources, one)
    finishReason = reasonNameOf(one.finishReason) ?? finishReason
  }

  const push = (body: JsonObject, text?: string): void => {
    rawCallArgs = text?.includes('"functionCall"') ? rawArgs(text) : []
    if (!hasStarted)
      emit({ type: 'start', id: textOf(body.responseId) || exchange.id, model: textOf(body.modelVersion) ?? '' })
    hasStarted = true
    listOf(body.candidates).forEach(addCandidate)
    usage = parseUsage(body.usageMetadata) ?? usage
    if (isObject(body.promptFeedback)) blockReason = reasonNameOf(body.promptFeedback.blockReason) ?? blockReason
  }

  const emitCitations = (): void => {
    const citations = citationsIn(sources, openText?.text ?? '')
    if (openText?.kind === 'text') for (const citation of citations) emit({ type: 'cite', at: openText.at, citation })
    else if (citations.length > 0) noteLossOnce('groundingMetadata', 'no text stands before it')
  }

  const end = (streamFault?: GatewayError): void => {
    if (!openCall) emitCitations()
    closePart()
    if (usage) emit({ type: 'usage', usage })
    const reason = finishReason ?? blockReason
    const fault = streamFault ?? faultOf(finishReason, hasContent)
    if (fault) emit({ type: 'fault', error: fault })
    else if (finishReason === undefined && blockReason !== undefined)
      emit({ type: 'finish', reason: 'filter', raw: blockReason })
    else
      emit({ type: 'finish', reason: finishOf(reason ?? '', hasCalls), ...(reason !== undefined && { raw: reason }) })
  }

  return {
    push,
    end,
    get finishReason() {
      return finishReason ?? blockReason
    },
  }
}

/** Returns the text that a free-text tool was called with. */
const inputOf = (args: string): string => {
  const given: Json | undefined = parseJson(args)
  return isObject(given) && typeof given.input === 'string' ? given.input : args
}
