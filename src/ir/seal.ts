/**
 * Seals in foreign hands: opaque state of one protocol crosses a client of another in that client's own opaque slot (`thinking.signature`,
 * `encrypted_content`, `thoughtSignature`, `extra_content`), wrapped so that we know it again.
 */

import { type Json, parseJson } from '../base/json/json.ts'
import type { ForeignPart, ProtocolId, ReasoningPart, Seal, ToolCall } from './chat.ts'

/** What every wrapped seal begins with. It and what follows are letters of base64url, so that it stands wherever base64 may. */
export const sealPrefix = 'soa1Seal'

/** Characters of a wrapped seal at most; a larger one is not carried. Encrypted reasoning of long thoughts takes a few hundred thousand. */
const maxSealLength = 2 * 1024 * 1024

/** What stands in the client's slot. `next`: it belongs to the part that follows the slot, which has none of its own. */
export type WrappedSeal = { seal: Seal; next?: boolean }

/** Undefined where it would be too large. */
export const wrapSeal = ({ by, at = '', value }: Seal, { next = false } = {}): string | undefined => {
  const text = sealPrefix + Buffer.from(JSON.stringify([by, at, value, next ? 1 : 0])).toString('base64url')
  return text.length > maxSealLength ? undefined : text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

export const isWrappedSeal = (text: unknown): text is string => typeof text === 'string' && text.startsWith(sealPrefix)

/** Undefined where the text is no seal of ours: then it is the slot's own. */
export const unwrapSeal = (text: unknown): WrappedSeal | undefined => {
  if (!isWrappedSeal(text) || text.length > maxSealLength + 4) return undefined
  const decoded = parseJson(Buffer.from(text.slice(sealPrefix.length), 'base64url').toString())
  if (!Array.isArray(decoded)) return undefined
  const [by, at, value, next] = decoded
  if (typeof by !== 'string' || typeof at !== 'string' || value === undefined) return undefined
  return { seal: { by, ...(at !== '' && { at }), value: value as Json }, ...(next === 1 && { next: true }) }
}

/**
 * May `by`, spoken at `seat`, be sent this seal: it wrote it, or one of the same vendor did. A seal without a place came from a client that
 * speaks the protocol itself.
 */
export const isReadable = ({ by, at }: Seal, protocol: ProtocolId, sealOrigin: string): boolean =>
  by === protocol && (at === undefined || vendorOf(at) === vendorOf(sealOrigin))

/** A seat is `<vendor>.<target>`: two digests. */
const vendorOf = (sealOrigin: string): string => sealOrigin.split('.', 1)[0]!

export type Thought = ReasoningPart | ForeignPart
/** What a call needs when it comes back. `before`: the thoughts that led to it, in their order. */
export type CallMemory = { thoughts: Thought[]; seal?: Seal }

/** One caller's calls. Bounded in entries, bytes and time; what it forgets is not found. */
export interface SealMemory {
  save(call: ToolCall, value: CallMemory): void
  find(call: ToolCall): CallMemory | undefined
}
