/** A chat → the body of Converse and ConverseStream. Model and streaming are chosen by the URL. */

import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { pairToolResults } from '../shared/pair-tool-results.ts'
import { type ConverseTraits, converseTraitsOf } from './model-traits.ts'
import { isThinking, renderThinking } from './thinking.ts'
import { renderTools } from './tools.ts'
import { renderTurns } from './turns.ts'

/** Tool results are at the start of the message after their calls. */
const resultRules = { foreignPartsFollow: true }

/** Renders a chat as the body for a vendor. */
export const renderRequest = (original: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const chat = { ...original, turns: pairToolResults(original.turns, loss, resultRules) }
  const traits = converseTraitsOf(chat.model)
  noteLosses(chat, loss)
  const { isToolForced, ...toolFields } = renderTools(chat, traits, exchange)
  const thinking = renderThinking(chat, traits, { isToolForced, loss })
  const { inference, modelFields } = renderSampling(chat, traits, isThinking(thinking), loss)
  const fields: JsonObject = { ...thinking, ...modelFields }
  return {
    ...renderTurns(chat.turns, traits, exchange),
    ...(Object.keys(inference).length > 0 && { inferenceConfig: inference }),
    ...toolFields,
    ...(Object.keys(fields).length > 0 && { additionalModelRequestFields: fields }),
    ...(traits.claude && chat.stop && { additionalModelResponseFieldPaths: stopSequencePaths }),
  }
}

/**
 * Where Claude reports the matched stop sequence, in a complete response and in a stream. Missing paths are ignored.
 */
const stopSequencePaths = ['/stop_sequence', '/delta/stop_sequence']

const noteLosses = ({ extra, seed, user, parallel }: Chat, loss: NoteLoss): void => {
  if (extra && isObject(extra.value))
    for (const key of Object.keys(extra.value)) loss(key, `only ${extra.by} supports it`)
  if (seed !== undefined) loss('seed', 'this protocol does not support it')
  if (user !== undefined) loss('user', 'this protocol does not support user IDs')
  if (parallel === false) loss('parallel_tool_calls', 'this protocol cannot disable parallel tool calls')
}

type Sampling = { inference: JsonObject; modelFields: JsonObject }

const renderSampling = (chat: Chat, traits: ConverseTraits, isThinking: boolean, loss: NoteLoss): Sampling => {
  const { limit, temperature, topP, stop } = chat
  const inference: JsonObject = {}
  if (limit !== undefined) inference.maxTokens = limit
  if (stop !== undefined) inference.stopSequences = stop
  const refused = traits.claude && !traits.claude.acceptsSampling ? 'this model takes none' : undefined
  const thinkingConflict = traits.claude && isThinking ? 'this model takes none while it thinks' : undefined
  const accepts = (key: string, refusal: string | undefined): boolean => {
    if (refusal !== undefined) loss(key, refusal)
    return refusal === undefined
  }
  const refusal = refused ?? thinkingConflict
  if (temperature !== undefined && accepts('temperature', temperature === 1 ? refused : refusal))
    inference.temperature = temperature
  if (topP !== undefined && accepts('top_p', topP >= 0.95 ? refused : refusal)) inference.topP = topP
  return { inference, modelFields: renderTopK(chat, traits, refusal, loss) }
}

/** `top_k` is a field of the model itself. */
const renderTopK = (
  { topK }: Chat,
  { topKField, isNova }: ConverseTraits,
  refusal: string | undefined,
  loss: NoteLoss,
): JsonObject => {
  if (topK === undefined) return {}
  if (refusal !== undefined || topKField === undefined) {
    loss('top_k', refusal ?? 'this model takes none')
    return {}
  }
  return isNova ? { inferenceConfig: { topK } } : { [topKField]: topK }
}
