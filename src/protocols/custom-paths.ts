/** Paths that no protocol here has a name for: they pass to hosts whose entries say they speak them. */
import type { ProtocolId } from '../ir/chat.ts'
import { tokenCounters } from './count-tokens.ts'
import { egressOf, ingressOf, passthroughOnly, unaryEgressOf } from './registry.ts'

/** Paths below `/v1/` that clients know for protocols with a name. */
const protocolIdByPath: ReadonlyMap<string, ProtocolId> = new Map([
  ['chat/completions', 'openai-chat'],
  ['responses', 'openai-responses'],
  ['messages', 'anthropic'],
  ['messages/count_tokens', 'anthropic/count_tokens'],
])

/** The protocol of a name that may be its path. */
export const protocolIdOf = (name: string): ProtocolId => protocolIdByPath.get(name) ?? name

/** Has nobody here a word for what is asked at this path. */
export const isCustomPath = (name: string): boolean => {
  const id = protocolIdOf(name)
  return !(egressOf(id) ?? ingressOf(id) ?? passthroughOnly.get(id) ?? tokenCounters.get(id) ?? unaryEgressOf(id))
}

/** Can this stand behind `/v1/`. Names every object has are refused: tables of protocols are asked by them. */
export const isValidPath = (name: string): boolean =>
  /^[\w.~!$&'()*+,;=:@-]+(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(name) &&
  !name.split('/').some(segment => segment === '.' || segment === '..') &&
  !(name in Object.prototype)
