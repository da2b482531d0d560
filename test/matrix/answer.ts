/** What a scripted vendor says, in no wire's words: each file of vendors/ says it as that vendor would. */

import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../src/ir/chat.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

/** `sealed` is the vendor's opaque state of the part; a vendor whose wire has no place for it there leaves it out. */
export type AnswerPart =
  | { type: 'text'; text: string; citation?: { url: string; title: string; quote: string } }
  | { type: 'thought'; text: string; seal?: string }
  | { type: 'redacted'; seal: string }
  | { type: 'refusal'; text: string }
  /** `free`: what a vendor that knows tools of free text says in place of arguments. */
  | { type: 'call'; id: string; name: string; args: string; seal?: string; customInput?: string }

export type ScriptedAnswer = {
  parts: AnswerPart[]
  finish: FinishReason
  usage?: Usage
  /** The sequence that ended it. */
  stop?: string
  /** The pieces of calls take turns. */
  interleaved?: boolean
}

export type VendorRefusal = { status: number; headers?: Record<string, string>; body: Json }

/** A vendor's side of a wire, written from its documentation and not from our code. */
export type Vendor = {
  id: string
  /** A model of this vendor's that thinks: what may be asked depends on it. */
  model: string
  renderMessage(answer: ScriptedAnswer): Json
  renderStream(answer: ScriptedAnswer): Frame[]
  /** How it says that it is asked too often. */
  rateLimited: VendorRefusal
  /** How it says in the middle of a stream that it is overloaded; absent where no frame says so. */
  overloadedFrame?: Frame
  /** The opaque state it gave with an answer, in order. */
  sealsOf(answer: ScriptedAnswer): string[]
  /** The opaque state a request brings back, in the places where the vendor looks for it, in order. */
  sealsIn(request: JsonObject): string[]
}

export type StreamStep =
  | { phase: 'open'; at: number; part: AnswerPart }
  | { phase: 'piece'; at: number; part: AnswerPart; text: string }
  | { phase: 'close'; at: number; part: AnswerPart }

/** The order in which a stream tells an answer. `free`: the vendor knows tools of free text. */
export const streamSteps = ({ parts, interleaved }: ScriptedAnswer, hasCustomTools = false): StreamStep[] => {
  const sequence: StreamStep[] = []
  const interleavedCalls: { at: number; part: AnswerPart; pieces: string[] }[] = []
  parts.forEach((part, at) => {
    const pieces = splitInTwo(part, hasCustomTools)
    if (interleaved && part.type === 'call') {
      sequence.push({ phase: 'open', at, part })
      interleavedCalls.push({ at, part, pieces })
      return
    }
    sequence.push({ phase: 'open', at, part })
    sequence.push(...pieces.map((text): StreamStep => ({ phase: 'piece', at, part, text })))
    sequence.push({ phase: 'close', at, part })
  })
  for (let round = 0; interleavedCalls.some(({ pieces }) => round < pieces.length); round++)
    for (const { at, part, pieces } of interleavedCalls)
      if (pieces[round] !== undefined) sequence.push({ phase: 'piece', at, part, text: pieces[round]! })
  for (const { at, part } of interleavedCalls) sequence.push({ phase: 'close', at, part })
  return sequence
}

/** In two: enough to see that pieces are put together. */
const splitInTwo = (part: AnswerPart, hasCustomTools: boolean): string[] => {
  const text =
    part.type === 'call'
      ? ((hasCustomTools ? part.customInput : undefined) ?? part.args)
      : part.type === 'redacted'
        ? ''
        : part.text
  const letters = [...text]
  const half = Math.ceil(letters.length / 2)
  return [letters.slice(0, half).join(''), letters.slice(half).join('')].filter(piece => piece !== '')
}

/** All values under this key, at any depth, in the order of the text. */
export const valuesUnder = (value: unknown, key: string): unknown[] => {
  if (Array.isArray(value)) return value.flatMap(one => valuesUnder(one, key))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesUnder(inner, key)))
}

/** The strings under this key, at any depth. */
export const stringsUnder = (value: unknown, key: string): string[] =>
  valuesUnder(value, key).filter((one): one is string => typeof one === 'string' && one !== '')
