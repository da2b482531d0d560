/** Encodes events as a stream of the legacy Completions API. */

import type { JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Message, Usage } from '../../ir/chat.ts'
import { replayMessage } from '../../ir/collect.ts'
import type { Event } from '../../ir/event.ts'
import { renderError } from '../openai-chat/error.ts'
import { streamWithDone } from '../openai-chat/stream.ts'
import { renderUsage } from '../openai-chat/usage.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { createNoteOnce } from '../shared/note-once.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { promptOf } from './request.ts'

const finishReasons: Partial<Record<FinishReason, string>> = { length: 'length', filter: 'content_filter' }
const lossReason = 'has no place in a text'

/** The chunks of a stream. The usage comes last, if the client asked for it. */
const encodeCompletionsStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const texts = new Set<number>()
    const noteOnce = createNoteOnce(exchange)
    const clientRequest = exchange.clientRequest ?? {}
    let usage: Usage | undefined
    let hasEnded = false

    const envelope = { id: exchange.id, object: 'text_completion', created: exchange.created, model: exchange.model }
    const emitChunk = (text: string, finish: string | null = null): void =>
      emit({ ...envelope, choices: [{ text, index: 0, logprobs: null, finish_reason: finish }] })

    const handleEvent = (event: Event): void => {
      if (event.type === 'start' && clientRequest.echo === true) emitChunk(promptOf(clientRequest))
      else if (event.type === 'open' && isTextual(event.part)) texts.add(event.at)
      else if (event.type === 'open') noteOnce(event.part, lossReason)
      else if (event.type === 'part') noteOnce(event.part.type, lossReason)
      else if (event.type === 'delta' && texts.has(event.at)) emitChunk(event.text)
      else if (event.type === 'usage') usage = event.usage
      else if (event.type === 'finish') emitChunk('', finishReasons[event.reason] ?? 'stop')
      if (event.type === 'fault') emit(renderError(event.error) as JsonObject)
      hasEnded ||= event.type === 'finish' || event.type === 'fault'
    }

    return event => {
      if (event) handleEvent(event)
      else if (!hasEnded) emit(renderError(missingFinish()) as JsonObject)
      else if (usage && exchange.usageRequested) emit({ ...envelope, choices: [], usage: renderUsage(usage) })
    }
  }

export const renderStream = streamWithDone(encodeCompletionsStream)

/** The complete answer, combined from the chunks of its stream. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  const merged: JsonObject = {}
  let text = ''
  let finish = 'stop'
  const push = encodeCompletionsStream({ ...exchange, usageRequested: true })(({ choices, ...rest }) => {
    Object.assign(merged, rest)
    const [one] = choices as { text: string; finish_reason: string | null }[]
    text += one?.text ?? ''
    finish = one?.finish_reason ?? finish
  })
  for (const event of replayMessage(message)) push(event)
  push(undefined)
  const { usage, ...envelope } = merged
  return {
    ...envelope,
    choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
    ...(usage !== undefined && { usage }),
  }
}

/** Combines the answers to a list of prompts: choices in the order of the prompts, usage added up. */
export const joinAnswers = (answers: JsonObject[]): JsonObject => {
  const choices = answers.flatMap(({ choices }, index) =>
    (choices as JsonObject[]).map(choice => ({ ...choice, index })),
  )
  const usages = answers.map(({ usage }) => (usage ?? {}) as Record<string, number>)
  const sum = (key: string) => usages.reduce((total, usage) => total + (usage[key] ?? 0), 0)
  const keys = ['prompt_tokens', 'completion_tokens', 'total_tokens']
  return { ...answers[0], choices, usage: Object.fromEntries(keys.map(key => [key, sum(key)])) }
}

/** A complete answer as the frames of a stream, for answers that could not be streamed. */
export const answerFrames = (answer: JsonObject, usageRequested: boolean): Frame[] => {
  const { choices, usage, ...envelope } = answer
  const chunks = (choices as JsonObject[]).map(choice => ({ ...envelope, choices: [choice] }))
  const last = usageRequested ? [{ ...envelope, choices: [], usage }] : []
  return [...[...chunks, ...last].map(chunk => ({ data: JSON.stringify(chunk) })), { data: '[DONE]' }]
}

const isTextual = (part: string): boolean => part === 'text' || part === 'refusal'
