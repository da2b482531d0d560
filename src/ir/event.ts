/**
 * The output of a model as a stream of events. Every `parseStream` guarantees: one `start` first; `open` and `close`
 * are balanced; `delta` only between them; one `finish`; nothing after the end. Events of different `at` (part index)
 * may interleave. A stream that ends without a finish ends with a `fault`.
 */
import type { GatewayError } from '../base/errors.ts'
import type { Citation, FinishReason, Part, Seal, Usage } from './chat.ts'

export type PartKind = 'text' | 'refusal' | 'reasoning' | 'call'

export type Event =
  | { type: 'start'; id: string; model: string }
  | { type: 'open'; at: number; part: PartKind; id?: string; name?: string; custom?: boolean }
  | { type: 'delta'; at: number; text: string }
  | { type: 'seal'; at: number; seal: Seal }
  /** A citation for the open text part `at`. */
  | { type: 'cite'; at: number; citation: Citation }
  | { type: 'close'; at: number }
  /** A complete part that is not streamed: media or a foreign block. */
  | { type: 'part'; at: number; part: Part }
  | { type: 'usage'; usage: Usage }
  | { type: 'finish'; reason: FinishReason; raw?: string; stop?: string }
  | { type: 'fault'; error: GatewayError }
