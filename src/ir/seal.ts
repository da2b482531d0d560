/**
 * Wrapped seals. The opaque state of one protocol travels through a client of another protocol in that client's own
 * opaque slot (`thinking.signature`, `encrypted_content`, `thoughtSignature`, `extra_content`). The wrapping lets the
 * gateway recognise the state when it comes back.
 */

import { type Json, parseJson } from '../base/json/json.ts'
import type { ForeignPart, ProtocolId, ReasoningPart, Seal, ToolCall } from './chat.ts'

/**
 * Every wrapped seal begins with this prefix. The prefix and what follows are base64url characters, so a wrapped seal
 * is valid wherever base64 is.
 */
export const sealPrefix = 'soa1Seal'

/**
 * Maximum length of a wrapped seal in characters. A larger seal is dropped. Encrypted reasoning of long thoughts takes
 * a few hundred thousand characters.
 */
const maxSealLength = 2 * 1024 * 1024

/**
 * The content of the client's slot. `next`: the seal belongs to the part after the slot, which has no slot of its own.
 */
type WrappedSeal = { seal: Seal; next?: boolean }

/** Undefined if the wrapped seal would be too large. */
export const wrapSeal = ({ by, at = '', value }: Seal, { next = false } = {}): string | undefined => {
  const text = sealPrefix + Buffer.from(JSON.stringify([by, at, value, next ? 1 : 0])).toString('base64url')
  return text.length > maxSealLength ? undefined : text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

export const isWrappedSeal = (text: unknown): text is string => typeof text === 'string' && text.startsWith(sealPrefix)

/** Undefined if the text is not a wrapped seal: the text is then the slot's own content. */
export const unwrapSeal = (text: unknown): WrappedSeal | undefined => {
  if (!isWrappedSeal(text) || text.length > maxSealLength + 4) return undefined
  const decoded = parseJson(Buffer.from(text.slice(sealPrefix.length), 'base64url').toString())
  if (!Array.isArray(decoded)) return undefined
  const [by, at, value, next] = decoded
  if (typeof by !== 'string' || typeof at !== 'string' || value === undefined) return undefined
  return { seal: { by, ...(at !== '' && { at }), value: value as Json }, ...(next === 1 && { next: true }) }
}

/**
 * Whether this seal may be sent in `protocol` to the vendor of `sealOrigin`: the protocol matches, and the seal was
 * written there or at another target of the same vendor. A seal without an origin came from a client that uses the
 * protocol itself.
 */
export const isReadable = ({ by, at }: Seal, protocol: ProtocolId, sealOrigin: string): boolean =>
  by === protocol && (at === undefined || vendorOf(at) === vendorOf(sealOrigin))

/** A seal origin is `<vendor>.<target>`: two digests. */
const vendorOf = (sealOrigin: string): string => sealOrigin.split('.', 1)[0]!

export type Thought = ReasoningPart | ForeignPart
/**
 * The state a tool call needs when the client sends it back. `thoughts`: the reasoning that led to the call, in order.
 */
export type CallMemory = { thoughts: Thought[]; seal?: Seal }

/**
 * The remembered tool calls of one caller. It is bounded in entries, bytes and time; `find` returns undefined for a
 * forgotten call.
 */
export interface SealMemory {
  save(call: ToolCall, value: CallMemory): void
  find(call: ToolCall): CallMemory | undefined
}
