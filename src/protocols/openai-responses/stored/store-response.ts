/** Stores a complete answer while it is passed to the client. */
import { applyEdits, isObject, type JsonObject, parseJson, replaceAtPath } from '../../../base/json/json.ts'
import type { Frame, StreamPipe } from '../../protocol.ts'
import { PipeWrapper } from '../../shared/pipe-wrapper.ts'
import { finalEventIn } from './previous-response.ts'

/** Stores an answer. Returns false if the answer could not be stored; `store` in the answer is then set to false. */
export type StoreResponse = (answer: JsonObject) => boolean

/** Stores the complete answer of a stream. The final event carries it. */
export const storeFromStream = (pipe: StreamPipe, store: StoreResponse): StreamPipe => new StoringPipe(pipe, store)

class StoringPipe extends PipeWrapper {
  constructor(
    inner: StreamPipe,
    private readonly store: StoreResponse,
  ) {
    super(inner)
  }

  override push(frame: Frame): string {
    return this.storeFrom(this.inner.push(frame))
  }

  override flush(): string {
    return this.storeFrom(this.inner.flush())
  }

  override end(): string {
    return this.storeFrom(this.inner.end())
  }

  private storeFrom(text: string): string {
    return text === '' ? text : storeFromFrames(text, this.store)
  }
}

/**
 * Stores the answer if `frames` contains the final event.
 * @param frames text of a stream, any part of it
 */
export const storeFromFrames = (frames: string, store: StoreResponse): string => {
  const finalEvent = finalEventIn(frames)
  if (finalEvent === undefined) return frames
  const text = frames.slice(finalEvent.start, finalEvent.end)
  const event = parseJson(text)
  if (!isObject(event) || !isObject(event.response) || store(event.response)) return frames
  return applyEdits(frames, [{ ...finalEvent, newText: replaceAtPath(text, ['response', 'store'], 'false') }])
}

/**
 * Stores a non-streaming answer.
 * @param text a complete answer that was found valid
 */
export const storeFromMessage = (text: string, store: StoreResponse): string => {
  const answer = parseJson(text)
  return !isObject(answer) || store(answer) ? text : replaceAtPath(text, ['store'], 'false')
}
