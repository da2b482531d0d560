/** Ends the choices of a stream: their finish_reason, and the arguments that their calls still lack. */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import type { Exchange } from '../../protocol.ts'
import { finishReasonAfter } from '../finish.ts'
import type { ChoiceFormat, ChoiceState } from '../normalize.ts'

/**
 * A normalized chunk. `text` is set if the chunk is exactly what the vendor wrote. `model` is still the vendor's in
 * both.
 */
export type Chunk = { body: JsonObject; text?: string | undefined }

/** The choices of a normalized chunk. */
export const choicesOf = ({ choices }: JsonObject): JsonObject[] => choices as JsonObject[]

/** Writes the finish_reason of each choice into the chunk, and before it the arguments that its calls still lack. */
export const finishChoices = (
  chunk: Chunk,
  choices: Iterable<ChoiceState>,
  format: ChoiceFormat,
  exchange: Exchange,
): void => {
  const bodies = new Map<unknown, JsonObject>()
  for (const body of choicesOf(chunk.body)) if (!bodies.has(body.index)) bodies.set(body.index, body)
  for (const choice of choices) finishChoice(chunk, bodies.get(choice.index), choice, format, exchange)
}

const finishChoice = (
  chunk: Chunk,
  known: JsonObject | undefined,
  choice: ChoiceState,
  format: ChoiceFormat,
  { loss }: Exchange,
): void => {
  const finish = finishReasonAfter(choice.finish, choice.calls.hasCalls, choice.hasLegacyCall)
  choice.phase = 'done'
  let body = known
  if (body === undefined) {
    body = format.finishOnlyChoice(choice.index, finish)
    choicesOf(chunk.body).push(body)
    chunk.text = undefined
  }
  if (body.finish_reason !== finish) chunk.text = undefined
  body.finish_reason = finish
  if (choice.calls.unnamedCount > 0) loss('tool_calls', 'a tool call without a name was dropped')
  const missingArguments = choice.calls.fillMissingArguments()
  if (missingArguments.length === 0 || !isObject(body.delta)) return
  chunk.text = undefined
  body.delta.tool_calls = mergeCallEntries(
    Array.isArray(body.delta.tool_calls) ? body.delta.tool_calls : [],
    missingArguments,
  )
}

const mergeCallEntries = (entries: Json[], missingArguments: readonly JsonObject[]): Json[] => {
  const byIndex = new Map<unknown, JsonObject>()
  for (const entry of entries) if (isObject(entry) && !byIndex.has(entry.index)) byIndex.set(entry.index, entry)
  for (const entry of missingArguments) {
    const same = byIndex.get(entry.index)
    if (isObject(same) && isObject(same.function)) same.function.arguments = '{}'
    else entries.push(entry)
  }
  return entries
}
