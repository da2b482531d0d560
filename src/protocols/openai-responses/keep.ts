/** Listens to an answer on its way to the client for the whole of it. */
import { isObject, type JsonObject, parseJson } from '../../ir/json.ts'
import type { Passing } from '../protocol.ts'
import { answerIn } from './chain.ts'

export type Keep = (answer: JsonObject) => void

/** A stream that is listened to for its whole answer, which its last event carries. */
export const keepStream = (passing: Passing, keep: Keep): Passing => {
  const heard = (text: string): string => {
    if (text !== '') keepFrames(text, keep)
    return text
  }
  return {
    ...passing,
    push: frame => heard(passing.push(frame)),
    flush: () => heard(passing.flush()),
    end: () => heard(passing.end()),
  }
}

/** @param frames text of a stream, any part of it */
export const keepFrames = (frames: string, keep: Keep): void => {
  const answer = answerIn(frames)
  if (answer) keep(answer)
}

/** @param text a whole answer, found good */
export const keepMessage = (text: string, keep: Keep): void => {
  const answer = parseJson(text)
  if (isObject(answer)) keep(answer)
}
