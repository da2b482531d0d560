/** Listens to an answer on its way to the client for the whole of it. */
import { applyEdits, isObject, type JsonObject, parseJson, replaceAtPath } from '../../../base/json/json.ts'
import type { StreamPipe } from '../../protocol.ts'
import { lastIn } from './previous-response.ts'

/** False where an answer that should be kept could not be: then it says so. */
export type Keep = (answer: JsonObject) => boolean

/** A stream that is listened to for its whole answer, which its last event carries. */
export const keepStream = (pipe: StreamPipe, keep: Keep): StreamPipe => {
  const heard = (text: string): string => (text === '' ? text : keepFrames(text, keep))
  return {
    ...pipe,
    push: frame => heard(pipe.push(frame)),
    flush: () => heard(pipe.flush()),
    end: () => heard(pipe.end()),
  }
}

/** @param frames text of a stream, any part of it */
export const keepFrames = (frames: string, keep: Keep): string => {
  const last = lastIn(frames)
  if (last === undefined) return frames
  const text = frames.slice(last.start, last.end)
  const event = parseJson(text)
  if (!isObject(event) || !isObject(event.response) || keep(event.response)) return frames
  return applyEdits(frames, [{ ...last, newText: replaceAtPath(text, ['response', 'store'], 'false') }])
}

/** @param text a whole answer, found good */
export const keepMessage = (text: string, keep: Keep): string => {
  const answer = parseJson(text)
  return !isObject(answer) || keep(answer) ? text : replaceAtPath(text, ['store'], 'false')
}
