/** A chat → the body of Converse and ConverseStream, which name neither the model nor whether to stream: the address does. */

import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { type Facts, factsOf } from './model-traits.ts'
import { isThinking, renderThinking } from './thinking.ts'
import { renderTools } from './tools.ts'
import { renderTurns } from './turns.ts'

export const renderRequest = (chat: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const facts = factsOf(chat.model)
  noteLosses(chat, loss)
  const { forced, ...told } = renderTools(chat, facts, exchange)
  const thinking = renderThinking(chat, facts, { forced, loss })
  const { inference, own } = renderSampling(chat, facts, isThinking(thinking), loss)
  const fields: JsonObject = { ...thinking, ...own }
  return {
    ...renderTurns(chat.turns, facts, exchange),
    ...(Object.keys(inference).length > 0 && { inferenceConfig: inference }),
    ...told,
    ...(Object.keys(fields).length > 0 && { additionalModelRequestFields: fields }),
    ...(facts.claude && chat.stop && { additionalModelResponseFieldPaths: stopPaths }),
  }
}

/** Where Claude tells which sequence ended its answer: whole, and in a stream. What is not there is left out. */
const stopPaths = ['/stop_sequence', '/delta/stop_sequence']

const noteLosses = ({ extra, seed, user, parallel }: Chat, loss: NoteLoss): void => {
  if (extra && isObject(extra.value)) for (const key of Object.keys(extra.value)) loss(key, `only ${extra.by} knows it`)
  if (seed !== undefined) loss('seed', 'this protocol takes none')
  if (user !== undefined) loss('user', 'this protocol names no user')
  if (parallel === false) loss('parallel_tool_calls', 'this protocol cannot forbid several calls at once')
}

type Sampling = { inference: JsonObject; own: JsonObject }

const renderSampling = (chat: Chat, facts: Facts, thinking: boolean, loss: NoteLoss): Sampling => {
  const { limit, temperature, topP, topK, stop } = chat
  const inference: JsonObject = {}
  const own: JsonObject = {}
  if (limit !== undefined) inference.maxTokens = limit
  if (stop !== undefined) inference.stopSequences = stop
  const refused = facts.claude && !facts.claude.samples ? 'this model takes none' : undefined
  const bound = facts.claude && thinking ? 'this model takes none while it thinks' : undefined
  if (temperature !== undefined) {
    if (refused ?? (temperature === 1 ? undefined : bound)) loss('temperature', (refused ?? bound)!)
    else inference.temperature = temperature
  }
  if (topP !== undefined) {
    if (refused ?? (topP >= 0.95 ? undefined : bound)) loss('top_p', (refused ?? bound)!)
    else inference.topP = topP
  }
  if (topK !== undefined) {
    const why = refused ?? bound ?? (facts.topK === undefined ? 'this model takes none' : undefined)
    if (why !== undefined) loss('top_k', why)
    else if (facts.nova) own.inferenceConfig = { topK }
    else own[facts.topK!] = topK
  }
  return { inference, own }
}
