/** Paths for which the gateway has no protocol. They pass through to hosts whose entries list them in `speaks`. */
import type { ProtocolId } from '../ir/chat.ts'
import { tokenCounters } from './count-tokens.ts'
import { egressOf, ingressOf, passthroughOnly, unaryEgressOf } from './registry.ts'

/** Paths below `/v1/` that belong to a protocol with a name of its own. */
const protocolIdByPath: ReadonlyMap<string, ProtocolId> = new Map([
  ['chat/completions', 'openai-chat'],
  ['responses', 'openai-responses'],
  ['messages', 'anthropic'],
  ['messages/count_tokens', 'anthropic/count_tokens'],
])

/** The protocol id of a name, which may also be given as a path. */
export const protocolIdOf = (name: string): ProtocolId => protocolIdByPath.get(name) ?? name

/** Whether no protocol of the gateway handles this name. */
export const isCustomPath = (name: string): boolean => {
  const id = protocolIdOf(name)
  return !(egressOf(id) ?? ingressOf(id) ?? passthroughOnly.get(id) ?? tokenCounters.get(id) ?? unaryEgressOf(id))
}

/**
 * Whether this is a valid path below `/v1/`. Names of Object.prototype are rejected because tables of protocols are
 * looked up by path.
 */
export const isValidPath = (name: string): boolean =>
  /^[\w.~!$&'()*+,;=:@-]+(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(name) &&
  !name.split('/').some(segment => segment === '.' || segment === '..') &&
  !(name in Object.prototype)
