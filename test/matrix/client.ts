/** What a client of each protocol does with its answers, written from the documentation and not from our code. */
import type { JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

export type Client = {
  id: string
  /** The whole answer that a stream adds up to, as the vendor's own SDK adds it up. */
  assembleStream(frames: readonly Frame[]): JsonObject
  /** The next request: the same with the answer, and what the tools gave for each call of it. */
  nextRequest(request: JsonObject, answer: JsonObject, results: ReadonlyMap<string, string>): JsonObject
  /** What an answer says, for comparing one protocol's with another's. */
  parseAnswer(answer: JsonObject): AnswerContent
}

/** In the order told. A sound answer has no call without an id. */
export type AnswerContent = {
  text: string
  thought: string
  refusal: string
  calls: { id: string; name: string; args: unknown }[]
  finish: string
}

export const listOf = (value: unknown): JsonObject[] => (Array.isArray(value) ? (value as JsonObject[]) : [])
export const joinField = (items: readonly JsonObject[], key: string): string =>
  items.map(one => one[key] ?? '').join('')
