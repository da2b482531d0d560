/** A scripted vendor's answers in a protocol-neutral form. Each file of vendors/ renders them as that vendor would. */

import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../src/ir/chat.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

/** `seal` is the vendor's opaque state of the part. A vendor whose protocol has no field for it omits it. */
export type AnswerPart =
  | { type: 'text'; text: string; citation?: { url: string; title: string; quote: string } }
  | { type: 'thought'; text: string; seal?: string }
  | { type: 'redacted'; seal: string }
  | { type: 'refusal'; text: string }
  /** `customInput`: sent in place of `args` by a vendor that supports custom tools. */
  | { type: 'call'; id: string; name: string; args: string; seal?: string; customInput?: string }

export type ScriptedAnswer = {
  parts: AnswerPart[]
  finish: FinishReason
  usage?: Usage
  /** The stop sequence that ended the answer. */
  stop?: string
  /** The deltas of parallel calls alternate. */
  interleaved?: boolean
}

export type VendorRefusal = { status: number; headers?: Record<string, string>; body: Json }

/** A vendor's side of a protocol, written from its documentation and not from the gateway's code. */
export type Vendor = {
  id: string
  /** A reasoning model of this vendor. The allowed request fields depend on the model. */
  model: string
  renderMessage(answer: ScriptedAnswer): Json
  renderStream(answer: ScriptedAnswer): Frame[]
  /** The vendor's answer to too many requests. */
  rateLimited: VendorRefusal
  /** The vendor's error frame for an overload during a stream; absent if its protocol has none. */
  overloadedFrame?: Frame
  /** The opaque state the vendor gave with an answer, in order. */
  sealsOf(answer: ScriptedAnswer): string[]
  /** The opaque state a request brings back, in the places where the vendor looks for it, in order. */
  sealsIn(request: JsonObject): string[]
}

export type StreamStep =
  | { phase: 'open'; at: number; part: AnswerPart }
  | { phase: 'piece'; at: number; part: AnswerPart; text: string }
  | { phase: 'close'; at: number; part: AnswerPart }

/** The order in which a stream sends an answer. `hasCustomTools`: the vendor supports custom tools. */
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

/** Two pieces are enough to see that a client joins them. */
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

/** All values of this key, at any depth, in the order of the text. */
export const valuesUnder = (value: unknown, key: string): unknown[] => {
  if (Array.isArray(value)) return value.flatMap(one => valuesUnder(one, key))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesUnder(inner, key)))
}

/** All non-empty strings of this key, at any depth. */
export const stringsUnder = (value: unknown, key: string): string[] =>
  valuesUnder(value, key).filter((one): one is string => typeof one === 'string' && one !== '')
