/** Which entries offer a model, and what they call it. Built once from a configuration. */
import { modelKindOf } from '../catalog/model-kinds.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Entry } from '../providers/entry.ts'

/** One entry that offers a model: `model` is the vendor's name of it. */
export type ModelRoute = {
  entry: Entry
  model: string
  /** The entry offers it for embeddings only. */
  embedding: boolean
}

export type ModelTable = {
  /** The routes of `model` that `fits` takes, of the most exact kind that has any: by name, by the longest `prefix*`, by `*`. */
  lookup: (model: string, isEligible?: (route: ModelRoute) => boolean) => ModelRoute[]
  /** The names `GET /v1/models` shows to a caller without scopes, sorted; without `random`. */
  listedModels: readonly string[]
  /** Those of `listed` that `random` may stand for. */
  chatModels: readonly string[]
  /** Every name that leads somewhere, wildcards included, sorted. */
  names: readonly string[]
}

type Offer = { entry: Entry; embedding: boolean }

/** Names longer than this are nobody's. */
const maxNameLength = 512

const isWildcard = (name: string): boolean => name.endsWith('*')

/** What an entry offers: models, aliases, then embedding models; the first offer of a name holds. */
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

/** One hop by `model_redirect`, then one by `model_map`. */
const routeOf = ({ entry, embedding }: Offer, name: string): ModelRoute => {
  const redirected = entry.redirect.get(name) ?? name
  return { entry, embedding, model: entry.map.get(redirected) ?? redirected }
}

/** The names an entry shows: its aliases stand for their targets, embedding models and wildcards are not shown. */
const listedNamesOf = (entry: Entry): string[] => {
  const hidden = new Set([...entry.redirect].flatMap(([alias, target]) => (alias === target ? [] : [target])))
  const aliases = [...entry.redirect].flatMap(([alias, target]) => (isEmbeddingOnly(entry, target) ? [] : [alias]))
  return [...entry.models.filter(name => !hidden.has(name) && !isWildcard(name)), ...aliases]
}

/** A name `random` may stand for: a chat model by its own name and by the vendor's. */
export const isChatModel = (name: string, { model, embedding }: ModelRoute): boolean =>
  !embedding && modelKindOf(name) === 'chat' && modelKindOf(model) === 'chat'

const append = (offers: Map<string, Offer[]>, name: string, offer: Offer): void => {
  const known = offers.get(name)
  if (known) known.push(offer)
  else offers.set(name, [offer])
}

/** The tables of a configuration; entries keep its order. */
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
 * The global redirect, one hop: `all` wins for a chat, whatever it asks for; `all` and `random` as targets mean any chat model.
 * @param isChat false for requests that only pass (embeddings, images …), which `all` leaves alone
 */
export const redirectOf = (redirect: CompiledConfig['redirect'], model: string, isChat: boolean): string => {
  const target = (isChat ? redirect.get('all') : undefined) ?? redirect.get(model)
  return target === 'all' ? 'random' : (target ?? model)
}
