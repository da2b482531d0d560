/** Creates the targets of requests, one object for each, and derives the affinity key of a conversation. */
import type { JsonObject } from '../base/json/json.ts'
import type { RequestReader } from '../protocols/shared/request-reader.ts'
import type { Credential, Entry, Target } from '../providers/entry.ts'

/** Behind a wildcard, clients name the models, so the number of targets is bounded. */
const maxTargets = 10_000

/** Returns the same object for the same entry, credential and model, so a target can serve as a key of a map. */
export const createTargetCache = (): ((entry: Entry, credential: Credential, model: string) => Target) => {
  const targets = new Map<string, Target>()
  return (entry, credential, model) => {
    const key = `${entry.id}/${credential.index}/${model}`
    const known = targets.get(key)
    if (known) return known
    if (targets.size >= maxTargets) targets.delete(targets.keys().next().value!)
    const target = { id: `${entry.id}/${credential.digest}/${model}`, entry, credential, model }
    targets.set(key, target)
    return target
  }
}

/** The target of an id, if its entry and its credential still exist. */
export const findTarget = (id: string, entries: readonly Entry[]): Target | undefined => {
  for (const entry of entries)
    for (const credential of entry.credentials) {
      const prefix = `${entry.id}/${credential.digest}/`
      if (id.startsWith(prefix)) return { id, entry, credential, model: id.slice(prefix.length) }
    }
  return undefined
}

/**
 * The affinity key of the strategy `hash`: the caller, the model, and the client's name for the conversation. Without
 * such a name, a hash of the beginning of the conversation takes its place, so that the key stays the same as the
 * conversation grows. The key contains no text of the conversation.
 * @param reader reads the body in the request's own protocol
 */
export const affinityOf = (
  reader: RequestReader,
  body: JsonObject,
  caller: { owner: string },
  model: string,
): string => {
  const conversation = reader.conversationNameOf(body) ?? Bun.hash(reader.openingOf(body)).toString(36)
  return `${caller.owner}\n${model}\n${conversation}`
}
