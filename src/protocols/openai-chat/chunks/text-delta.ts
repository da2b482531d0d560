/** Finds chunks that carry one piece of text. */
import { isObject, type JsonObject } from '../../../base/json/json.ts'

/** Returns the text delta of a chunk that carries nothing else: no finish, no usage, no call. */
export const textDeltaOf = ({ choices, usage }: JsonObject): string | undefined => {
  if (!Array.isArray(choices) || choices.length !== 1 || isObject(usage)) return undefined
  const [choice] = choices
  if (!isObject(choice) || !isObject(choice.delta) || typeof choice.finish_reason === 'string') return undefined
  const { delta } = choice
  const nonEmptyKeys = Object.keys(delta).filter(key => key !== 'role' && delta[key] !== null && delta[key] !== '')
  const [key = ''] = nonEmptyKeys
  const text = delta[key]
  const isTextOnly =
    nonEmptyKeys.length === 1 && (key === 'content' || key === 'reasoning_content') && typeof text === 'string'
  return isTextOnly ? text : undefined
}
