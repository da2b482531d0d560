/**
 * Caches the part of a plan that depends on the model alone: its targets by priority and entry. Each is built on first
 * use.
 */
import type { ProtocolId } from '../ir/chat.ts'
import { isChatProtocol } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { isChatModel, type ModelRoute, type ModelTable } from './model-table.ts'
import { type Candidate, firstPolicy, type Policy, type PolicyContext } from './policies.ts'
import { createTargetCache } from './targets.ts'

/**
 * The targets of one model whose entries have the same priority, by entry. All credentials of an entry have the same
 * weight.
 */
type PriorityTier = {
  key: string
  priority: number
  entries: Candidate<{ key: string; targets: Candidate<Target>[] }>[]
}
type CachedPlan = {
  tiers: PriorityTier[]
  /** Of all tiers. */
  targetIds: readonly string[]
  /** Set if there is only one possible order. */
  fixedOrder?: readonly Target[]
}

/** Undefined if nothing serves the model. `chatOnly` leaves out what `random` may not select. */
export type PlanCache = (protocol: ProtocolId, name: string, chatOnly?: boolean) => CachedPlan | undefined

/** Maximum cached plans. Behind a wildcard, clients name the models. */
const maxCachedPlans = 10_000

export const byPriority = (one: PriorityTier, other: PriorityTier): number => one.priority - other.priority

/**
 * All targets of the sorted tiers, in the order of the policy. Only the choices that lead to the first target advance
 * the round robin.
 */
export const orderTargets = (policy: Policy, tiers: readonly PriorityTier[], affinity: () => string): Target[] => {
  const targets: Target[] = []
  for (const tier of tiers)
    for (const { value } of orderCandidates(policy, tier.entries, {
      key: tier.key,
      affinity,
      peek: targets.length > 0,
    }))
      for (const candidate of orderCandidates(policy, value.targets, {
        key: value.key,
        affinity,
        peek: targets.length > 0,
      }))
        targets.push(candidate.value)
  return targets
}

const orderCandidates = <T>(
  policy: Policy,
  candidates: readonly Candidate<T>[],
  context: PolicyContext,
): readonly Candidate<T>[] => (candidates.length === 1 ? candidates : policy(candidates, context))

/** @param hasFixedOrder true for the strategy `first`, under which every model has only one order */
export const createPlanCache = (
  models: ModelTable,
  supportsProtocol: (entry: Entry, protocol: ProtocolId, model: string) => boolean,
  hasFixedOrder: boolean,
): PlanCache => {
  const targetOf = createTargetCache()
  const cached = {
    any: new Map<ProtocolId, Map<string, CachedPlan>>(),
    chat: new Map<ProtocolId, Map<string, CachedPlan>>(),
  }

  const buildPlan = (protocol: ProtocolId, name: string, chatOnly: boolean): CachedPlan | undefined => {
    const isChat = isChatProtocol(protocol)
    const isEligible = (route: ModelRoute) =>
      (chatOnly ? isChatModel(name, route) : !(isChat && route.embedding)) &&
      supportsProtocol(route.entry, protocol, route.model)
    const routes = models.lookup(name, isEligible)
    if (routes.length === 0) return undefined
    const tiers = tiersOf(routes, name, targetOf)
    const isFixed = hasFixedOrder || (routes.length === 1 && routes[0]!.entry.credentials.length === 1)
    const targetIds = tiers.flatMap(tier => tier.entries.flatMap(candidate => candidate.targetIds ?? []))
    return isFixed ? { tiers, targetIds, fixedOrder: orderTargets(firstPolicy, tiers, () => '') } : { tiers, targetIds }
  }

  return (protocol, name, chatOnly = false) => {
    const byProtocol = chatOnly ? cached.chat : cached.any
    const byName = byProtocol.get(protocol) ?? new Map<string, CachedPlan>()
    const plan = byName.get(name) ?? buildPlan(protocol, name, chatOnly)
    if (!plan || byName.has(name)) return plan
    if (byName.size >= maxCachedPlans) byName.clear()
    byProtocol.set(protocol, byName.set(name, plan))
    return plan
  }
}

const tiersOf = (
  routes: readonly ModelRoute[],
  name: string,
  targetOf: ReturnType<typeof createTargetCache>,
): PriorityTier[] => {
  const tiers = new Map<number, PriorityTier>()
  for (const { entry, model } of routes) {
    const { id, priority, weight, credentials } = entry
    const tier = tiers.get(priority) ?? { key: `model ${name} ${priority}`, priority, entries: [] }
    const targets = credentials.map((credential): Candidate<Target> => {
      const value = targetOf(entry, credential, model)
      return { name: credential.digest, weight: 1, value, loadKey: `${id}/${credential.digest}`, targetIds: [value.id] }
    })
    const value = { key: `entry ${id}`, targets }
    tier.entries.push({ name: id, weight, value, targetIds: targets.map(({ value }) => value.id) })
    tiers.set(priority, tier)
  }
  return [...tiers.values()].sort(byPriority)
}
