/**
 * What a client of each protocol does with its answers, written from the documentation and not from the gateway's code.
 */
import type { JsonObject } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

export type Client = {
  id: string
  /**
   * Assembles a stream into a complete answer, as the vendor's own SDK does.
   * @throws Error if the stream is invalid or failed.
   */
  assembleStream(frames: readonly Frame[]): JsonObject
  /** The next request: the previous one with the answer and the tool results by call id. */
  nextRequest(request: JsonObject, answer: JsonObject, results: ReadonlyMap<string, string>): JsonObject
  /** The content of an answer, comparable across protocols. */
  parseAnswer(answer: JsonObject): AnswerContent
}

/** The parts are in the order of the answer. Every call of a valid answer has an id. */
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
