/**
 * What a model says, as it says it. Every `parseStream` keeps: one `start` first; `open` and `close` balanced; `delta` only between;
 * `finish` once; nothing after the end. Events of different `at` may interleave. An end without a finish is a `fault`.
 */
import type { GatewayError } from '../base/errors.ts'
import type { Citation, FinishReason, Part, Seal, Usage } from './chat.ts'

export type PartKind = 'text' | 'refusal' | 'reasoning' | 'call'

export type Event =
  | { type: 'start'; id: string; model: string }
  | { type: 'open'; at: number; part: PartKind; id?: string; name?: string; custom?: boolean }
  | { type: 'delta'; at: number; text: string }
  | { type: 'seal'; at: number; seal: Seal }
  /** A source of the open text `at`. */
  | { type: 'cite'; at: number; citation: Citation }
  | { type: 'close'; at: number }
  /** Media, foreign: whole at once. */
  | { type: 'part'; at: number; part: Part }
  | { type: 'usage'; usage: Usage }
  | { type: 'finish'; reason: FinishReason; raw?: string; stop?: string }
  | { type: 'fault'; error: GatewayError }
