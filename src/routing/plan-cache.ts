/** What can be known of a model before a request asks: its targets by priority and entry, made when first asked for. */
import type { ProtocolId } from '../ir/chat.ts'
import { ingressOf } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { isChat, type ModelTable, type Route } from './model-table.ts'
import { type Candidate, createPolicies, type Policy, type Question } from './policies.ts'
import { createTargets } from './targets.ts'

/** The targets of one model whose entries have the same priority, by entry; the weight of credentials is equal. */
export type Tier = {
  key: string
  priority: number
  entries: Candidate<{ key: string; targets: Candidate<Target>[] }>[]
}
export type CachedPlan = {
  tiers: Tier[]
  /** The order, where there is only one. */
  fixed?: readonly Target[]
}

/** Gives undefined where nothing serves the model; `chatOnly` leaves out what `random` may not stand for. */
export type PlanCache = (protocol: ProtocolId, name: string, chatOnly?: boolean) => CachedPlan | undefined

/** Models kept ready; clients name those behind a wildcard. */
const mostPrepared = 10_000

export const byPriority = (one: Tier, other: Tier): number => one.priority - other.priority

/** Every target of the tiers, which come in order; only the choices that lead to the very first target take a turn. */
export const inOrder = (policy: Policy, tiers: readonly Tier[], affinity: () => string): Target[] => {
  const targets: Target[] = []
  for (const tier of tiers)
    for (const { value } of ordered(policy, tier.entries, { key: tier.key, affinity, peek: targets.length > 0 }))
      for (const choice of ordered(policy, value.targets, { key: value.key, affinity, peek: targets.length > 0 }))
        targets.push(choice.value)
  return targets
}

const ordered = <T>(policy: Policy, choices: readonly Candidate<T>[], question: Question): readonly Candidate<T>[] =>
  choices.length === 1 ? choices : policy(choices, question)

/** @param keepsOrder the strategy is `first`: every model has but one order */
export const createPlanCache = (
  models: ModelTable,
  serves: (entry: Entry, protocol: ProtocolId, model: string) => boolean,
  keepsOrder: boolean,
): PlanCache => {
  const targetOf = createTargets()
  const known = {
    any: new Map<ProtocolId, Map<string, CachedPlan>>(),
    chat: new Map<ProtocolId, Map<string, CachedPlan>>(),
  }

  const prepare = (protocol: ProtocolId, name: string, chatOnly: boolean): CachedPlan | undefined => {
    const isSpoken = ingressOf(protocol) !== undefined
    const fits = (route: Route) =>
      (chatOnly ? isChat(name, route) : !(isSpoken && route.embedding)) && serves(route.entry, protocol, route.model)
    const routes = models.lookup(name, fits)
    if (routes.length === 0) return undefined
    const tiers = tiersOf(routes, name, targetOf)
    const isFixed = keepsOrder || (routes.length === 1 && routes[0]!.entry.credentials.length === 1)
    return isFixed ? { tiers, fixed: inOrder(createPolicies().first, tiers, () => '') } : { tiers }
  }

  return (protocol, name, chatOnly = false) => {
    const byProtocol = chatOnly ? known.chat : known.any
    const byName = byProtocol.get(protocol) ?? new Map<string, CachedPlan>()
    const prepared = byName.get(name) ?? prepare(protocol, name, chatOnly)
    if (!prepared || byName.has(name)) return prepared
    if (byName.size >= mostPrepared) byName.clear()
    byProtocol.set(protocol, byName.set(name, prepared))
    return prepared
  }
}

const tiersOf = (routes: readonly Route[], name: string, targetOf: ReturnType<typeof createTargets>): Tier[] => {
  const tiers = new Map<number, Tier>()
  for (const { entry, model } of routes) {
    const { id, priority, weight, credentials } = entry
    const tier = tiers.get(priority) ?? { key: `model ${name} ${priority}`, priority, entries: [] }
    const targets = credentials.map((credential): Candidate<Target> => {
      const value = targetOf(entry, credential, model)
      return { name: credential.digest, weight: 1, value, place: `${id}/${credential.digest}`, targets: [value.id] }
    })
    const value = { key: `entry ${id}`, targets }
    tier.entries.push({ name: id, weight, value, targets: targets.map(({ value }) => value.id) })
    tiers.set(priority, tier)
  }
  return [...tiers.values()].sort(byPriority)
}
