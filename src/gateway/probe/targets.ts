/** Selects what to probe: every target of the configuration, or those that serve one model. */
import { modelKindOf } from '../../catalog/model-kinds.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Entry, Target } from '../../providers/entry.ts'
import { supportsProtocol } from '../../providers/resolve-url.ts'
import { createModelTable, redirectOf } from '../../routing/model-table.ts'
import { createTargetCache } from '../../routing/targets.ts'

export type ProbeProtocol = 'openai-chat' | 'embeddings'

/** One target and the protocol it is probed in; `skip` is the reason it is not probed. */
export type Probe = {
  target: Target
  /** `<entry>/<model>`, and the number of the credential if the entry has several. */
  label: string
  /** The names by which clients can request the model. */
  names: string[]
} & ({ probeProtocol: ProbeProtocol; skip?: undefined } | { skip: string })

/** An entry that offers a name. `model` is the vendor's name, which may be a wildcard. */
type Offer = { entry: Entry; name: string; model: string; embedding: boolean }

/**
 * The targets in the order of the configuration. With `model`, only those that a client can reach by that name: as
 * written, through a wildcard, or through the global redirect.
 */
export const probesOf = (settings: CompiledConfig, model: string | undefined): Probe[] => {
  const offers = model === undefined ? offersOf(settings) : offersFor(settings, model)
  const targetOf = createTargetCache()
  const merged = new Map<string, Offer & { names: string[] }>()
  for (const offer of offers) {
    const key = `${offer.entry.id}\n${offer.model}\n${offer.embedding}`
    const existing = merged.get(key)
    if (existing) existing.names.push(offer.name)
    else merged.set(key, { ...offer, names: [offer.name] })
  }
  const entryIndex = (offer: Offer) => settings.entries.indexOf(offer.entry)
  return [...merged.values()]
    .sort((one, other) => entryIndex(one) - entryIndex(other))
    .flatMap(offer =>
      offer.entry.credentials.map(credential => {
        const target = targetOf(offer.entry, credential, offer.model)
        return { target, label: labelOf(target), names: offer.names, ...probeProtocolOf(offer) }
      }),
    )
}

const labelOf = ({ entry, credential, model }: Target): string =>
  `${entry.id}/${model}${entry.credentials.length > 1 ? ` (credential ${credential.index + 1})` : ''}`

const isWildcard = (name: string): boolean => name.endsWith('*')

const offersOf = (settings: CompiledConfig): Offer[] => {
  const models = createModelTable(settings)
  return models.names.flatMap(name => models.lookup(name).map(route => ({ name, ...route })))
}

const offersFor = (settings: CompiledConfig, model: string): Offer[] => {
  const all = offersOf(settings)
  const direct = all.flatMap(offer => matchingOffer(offer, model))
  if (direct.length > 0) return direct
  const redirected = redirectOf(settings.redirect, model, false)
  if (redirected === 'random') {
    const { chatModels } = createModelTable(settings)
    return all.filter(({ name }) => chatModels.includes(name))
  }
  return redirected === model ? [] : all.flatMap(offer => matchingOffer(offer, redirected))
}

/** The offer as it serves this model, or nothing. */
const matchingOffer = (offer: Offer, model: string): Offer[] => {
  const { entry, name } = offer
  if (!isWildcard(offer.model)) return name === model || offer.model === model ? [offer] : []
  if (!model.startsWith(name.slice(0, -1))) return []
  const redirected = entry.redirect.get(model) ?? model
  return [{ ...offer, name: model, model: entry.map.get(redirected) ?? redirected }]
}

/** Chat models answer one word and embedding models embed one. Models for images, audio or documents are not probed. */
const probeProtocolOf = ({ entry, model, embedding }: Offer): { probeProtocol: ProbeProtocol } | { skip: string } => {
  if (isWildcard(model)) return { skip: 'a wildcard: name one of its models with --model' }
  const kind = embedding ? 'embedding' : modelKindOf(model)
  if (kind === 'embedding' && supportsProtocol(entry, 'embeddings')) return { probeProtocol: 'embeddings' }
  if (kind === 'chat' && supportsProtocol(entry, 'openai-chat')) return { probeProtocol: 'openai-chat' }
  if (kind === 'chat' || kind === 'embedding') return { skip: `the service is not asked for ${kind}s` }
  return { skip: `a model for ${kind}: only chats and embeddings are tried` }
}
