/** Creates the targets of requests, one object for each, and derives the affinity key of a conversation. */
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'
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

/** Maximum characters of each text that distinguish conversations. */
const maxTextLength = 16_384

/** The texts of a content in any protocol's format. Cache marks are left out: they move as a conversation grows. */
const textOf = (content: Json | undefined): string => {
  if (typeof content === 'string') return content.slice(0, maxTextLength)
  if (Array.isArray(content)) return content.map(textOf).join('\n')
  if (!isObject(content)) return ''
  const { text, image_url, source, parts } = content
  if (image_url !== undefined) return isObject(image_url) ? textOf(image_url.url) : textOf(image_url)
  if (isObject(source)) return textOf(source.data ?? source.url)
  return textOf(text ?? content.content ?? parts)
}

/** The system texts before the first user message, and that message. Later turns do not count. */
const openingOf = (body: JsonObject): string => {
  const turns = [body.messages, body.input, body.contents].find(Array.isArray) ?? []
  const opening = [body.system, body.instructions, body.systemInstruction].map(textOf)
  for (const turn of turns) {
    opening.push(textOf(turn))
    if (!isObject(turn) || (turn.role !== 'system' && turn.role !== 'developer')) break
  }
  return [...opening, textOf(body.prompt), typeof body.input === 'string' ? textOf(body.input) : ''].join('\n')
}

/**
 * The affinity key of the strategy `hash`: the caller, the model, and `prompt_cache_key` or `user`. Without one of
 * these fields, a hash of the beginning of the conversation takes their place, so that the key stays the same as the
 * conversation grows. The key contains no text of the conversation.
 */
export const affinityOf = (body: JsonObject, caller: { id: string }, model: string): string => {
  const clientKey = [body.prompt_cache_key, body.user].find(name => typeof name === 'string' && name !== '')
  return `${caller.id}\n${model}\n${clientKey ?? Bun.hash(openingOf(body)).toString(36)}`
}
