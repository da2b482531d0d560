/** What a scripted vendor says, in no wire's words: each file of vendors/ says it as that vendor would. */

import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../src/ir/chat.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

/** `sealed` is the vendor's opaque state of the part; a vendor whose wire has no place for it there leaves it out. */
export type Said =
  | { type: 'text'; text: string; cited?: { url: string; title: string; quote: string } }
  | { type: 'thought'; text: string; sealed?: string }
  | { type: 'redacted'; sealed: string }
  | { type: 'refusal'; text: string }
  /** `free`: what a vendor that knows tools of free text says in place of arguments. */
  | { type: 'call'; id: string; name: string; args: string; sealed?: string; free?: string }

export type Answer = {
  said: Said[]
  finish: FinishReason
  usage?: Usage
  /** The sequence that ended it. */
  stop?: string
  /** The pieces of calls take turns. */
  interleaved?: boolean
}

export type Refused = { status: number; headers?: Record<string, string>; body: Json }

/** A vendor's side of a wire, written from its documentation and not from our code. */
export type Vendor = {
  id: string
  /** A model of this vendor's that thinks: what may be asked depends on it. */
  model: string
  whole(answer: Answer): Json
  frames(answer: Answer): Frame[]
  /** How it says that it is asked too often. */
  limited: Refused
  /** How it says in the middle of a stream that it is overloaded; absent where no frame says so. */
  broken?: Frame
  /** The opaque state it gave with an answer, in order. */
  sealsOf(answer: Answer): string[]
  /** The opaque state a request brings back, in the places where the vendor looks for it, in order. */
  sealsIn(request: JsonObject): string[]
}

export type Step =
  | { does: 'open'; at: number; said: Said }
  | { does: 'piece'; at: number; said: Said; text: string }
  | { does: 'close'; at: number; said: Said }

/** The order in which a stream tells an answer. `free`: the vendor knows tools of free text. */
export const steps = ({ said, interleaved }: Answer, free = false): Step[] => {
  const told: Step[] = []
  const waiting: { at: number; said: Said; pieces: string[] }[] = []
  said.forEach((one, at) => {
    const pieces = piecesOf(one, free)
    if (interleaved && one.type === 'call') {
      told.push({ does: 'open', at, said: one })
      waiting.push({ at, said: one, pieces })
      return
    }
    told.push({ does: 'open', at, said: one })
    told.push(...pieces.map((text): Step => ({ does: 'piece', at, said: one, text })))
    told.push({ does: 'close', at, said: one })
  })
  for (let turn = 0; waiting.some(({ pieces }) => turn < pieces.length); turn++)
    for (const { at, said: one, pieces } of waiting)
      if (pieces[turn] !== undefined) told.push({ does: 'piece', at, said: one, text: pieces[turn]! })
  for (const { at, said: one } of waiting) told.push({ does: 'close', at, said: one })
  return told
}

/** In two: enough to see that pieces are put together. */
const piecesOf = (said: Said, free: boolean): string[] => {
  const text =
    said.type === 'call' ? ((free ? said.free : undefined) ?? said.args) : said.type === 'redacted' ? '' : said.text
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
export const wordsUnder = (value: unknown, key: string): string[] =>
  valuesUnder(value, key).filter((one): one is string => typeof one === 'string' && one !== '')
