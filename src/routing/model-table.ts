/** The models that entries offer, and the vendor's name of each. Built once from a configuration. */
import { modelKindOf } from '../catalog/model-kinds.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Entry } from '../providers/entry.ts'

/** An entry that offers a model. `model` is the vendor's name of it. */
export type ModelRoute = {
  entry: Entry
  model: string
  /** The entry offers the model for embeddings only. */
  embedding: boolean
}

export type ModelTable = {
  /**
   * The routes of `model` that are eligible. The most exact kind of match that has any wins: the name, then the longest
   * `prefix*`, then `*`.
   */
  lookup: (model: string, isEligible?: (route: ModelRoute) => boolean) => ModelRoute[]
  /** The names that `GET /v1/models` lists for a caller without scopes, sorted, without `random`. */
  listedModels: readonly string[]
  /** The names of `listedModels` that `random` may select. */
  chatModels: readonly string[]
  /** Every routable name, wildcards included, sorted. */
  names: readonly string[]
}

type Offer = { entry: Entry; embedding: boolean }

/** Longer names are never looked up. */
const maxNameLength = 512

const isWildcard = (name: string): boolean => name.endsWith('*')

/** The offers of an entry by name: models, aliases, then embedding models. The first offer of a name wins. */
const offersOf = (entry: Entry): Map<string, Offer> => {
  const offers = new Map<string, Offer>()
  const add = (name: string, embedding: boolean) => {
    if (!offers.has(name)) offers.set(name, { entry, embedding })
  }
  for (const name of entry.models) add(name, false)
  for (const [alias, target] of entry.redirect) add(alias, isEmbeddingOnly(entry, target))
  for (const name of entry.embeddingModels) add(name, true)
  return offers
}

const isEmbeddingOnly = (entry: Entry, model: string): boolean =>
  !entry.models.includes(model) && (entry.embeddingModels.includes(model) || entry.models.length === 0)

/** Resolves a name by one step of `model_redirect` and one step of `model_map`. */
const routeOf = ({ entry, embedding }: Offer, name: string): ModelRoute => {
  const redirected = entry.redirect.get(name) ?? name
  return { entry, embedding, model: entry.map.get(redirected) ?? redirected }
}

/** The names that an entry lists. Aliases replace their targets. Embedding models and wildcards are not listed. */
const listedNamesOf = (entry: Entry): string[] => {
  const hidden = new Set([...entry.redirect].flatMap(([alias, target]) => (alias === target ? [] : [target])))
  const aliases = [...entry.redirect].flatMap(([alias, target]) => (isEmbeddingOnly(entry, target) ? [] : [alias]))
  return [...entry.models.filter(name => !hidden.has(name) && !isWildcard(name)), ...aliases]
}

/** True if `random` may select the name: both it and the vendor's name are those of a chat model. */
export const isChatModel = (name: string, { model, embedding }: ModelRoute): boolean =>
  !embedding && modelKindOf(name) === 'chat' && modelKindOf(model) === 'chat'

const append = (offers: Map<string, Offer[]>, name: string, offer: Offer): void => {
  const known = offers.get(name)
  if (known) known.push(offer)
  else offers.set(name, [offer])
}

/** Builds the table of a configuration. Entries keep their order. */
export const createModelTable = ({ entries }: Pick<CompiledConfig, 'entries'>): ModelTable => {
  const exact = new Map<string, Offer[]>()
  const byPrefix = new Map<string, Offer[]>()
  for (const entry of entries)
    for (const [name, offer] of offersOf(entry))
      if (isWildcard(name) && !entry.redirect.has(name)) append(byPrefix, name.slice(0, -1), offer)
      else append(exact, name, offer)
  const prefixes = [...byPrefix].sort(([one], [other]) => other.length - one.length)

  const lookup = (model: string, isEligible: (route: ModelRoute) => boolean = () => true): ModelRoute[] => {
    if (model === '' || model.length > maxNameLength) return []
    const matches = [
      exact.get(model),
      ...prefixes.map(([prefix, offers]) => (model.startsWith(prefix) ? offers : undefined)),
    ]
    for (const offers of matches) {
      const routes = offers?.map(offer => routeOf(offer, model)).filter(isEligible) ?? []
      if (routes.length > 0) return routes
    }
    return []
  }

  const listedModels = [...new Set(entries.flatMap(listedNamesOf))].filter(name => name !== 'random').sort()
  const chatModels = listedModels.filter(name => lookup(name).some(route => isChatModel(name, route)))
  const names = [...exact.keys(), ...prefixes.map(([prefix]) => `${prefix}*`)].sort()
  return { lookup, listedModels, chatModels, names }
}

/**
 * Applies the global redirect, one step. For a chat, `all` takes precedence over the model's own redirect. A redirect
 * to `all` or `random` means any chat model.
 * @param isChat false for requests that only pass through (embeddings, images …), to which `all` does not apply
 */
export const redirectOf = (redirect: CompiledConfig['redirect'], model: string, isChat: boolean): string => {
  const target = (isChat ? redirect.get('all') : undefined) ?? redirect.get(model)
  return target === 'all' ? 'random' : (target ?? model)
}
