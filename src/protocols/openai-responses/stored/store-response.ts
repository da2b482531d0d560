/** Listens to an answer on its way to the client for the whole of it. */
import { applyEdits, isObject, type JsonObject, parseJson, replaceAtPath } from '../../../base/json/json.ts'
import type { StreamPipe } from '../../protocol.ts'
import { finalEventIn } from './previous-response.ts'

/** False where an answer that should be kept could not be: then it says so. */
export type StoreResponse = (answer: JsonObject) => boolean

/** A stream that is listened to for its whole answer, which its last event carries. */
export const storeFromStream = (pipe: StreamPipe, store: StoreResponse): StreamPipe => {
  const storeFrom = (text: string): string => (text === '' ? text : storeFromFrames(text, store))
  return {
    ...pipe,
    push: frame => storeFrom(pipe.push(frame)),
    flush: () => storeFrom(pipe.flush()),
    end: () => storeFrom(pipe.end()),
  }
}

/** @param frames text of a stream, any part of it */
export const storeFromFrames = (frames: string, store: StoreResponse): string => {
  const finalEvent = finalEventIn(frames)
  if (finalEvent === undefined) return frames
  const text = frames.slice(finalEvent.start, finalEvent.end)
  const event = parseJson(text)
  if (!isObject(event) || !isObject(event.response) || store(event.response)) return frames
  return applyEdits(frames, [{ ...finalEvent, newText: replaceAtPath(text, ['response', 'store'], 'false') }])
}

/** @param text a whole answer, found good */
export const storeFromMessage = (text: string, store: StoreResponse): string => {
  const answer = parseJson(text)
  return !isObject(answer) || store(answer) ? text : replaceAtPath(text, ['store'], 'false')
}
