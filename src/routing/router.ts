/** Plans the targets of a request, in order. */

import { GatewayError } from '../base/errors.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { isChatProtocol } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { createModelTable, type ModelRoute, type ModelTable, redirectOf } from './model-table.ts'
import { byPriority, createPlanCache, orderTargets, type PlanCache } from './plan-cache.ts'
import {
  bestOf,
  createPolicies,
  type Fitness,
  type Policy,
  type PolicyOptions,
  type Random,
  shuffleByFitness,
} from './policies.ts'
import { createRandomPool, type RandomPool } from './random-pool.ts'

export type Plan = {
  /** The model as the client named it (or `default_model`). The response carries this name. */
  model: string
  /** In the order in which they are tried. Never empty. */
  targets: readonly Target[]
}

/** What routing needs to know about a request. */
export type RoutingRequest = {
  /** Undefined if the request names no model. */
  model: string | undefined
  /** The client's protocol, or the path of a passthrough. Only entries that support it are planned. */
  protocol: ProtocolId
  caller: Caller
  /** The affinity key of the `hash` strategy. Only computed if the strategy asks. */
  affinity: () => string
}

/** The owner of a client key. */
export type Caller = {
  /** For the log. Never the key itself. Several keys may have one name. */
  id: string
  /** Whose state this is: hex digits of the key's digest. Stored state and affinity belong to it, never to a name. */
  owner: string
  /** True if this caller may name this model. */
  canUse: (model: string) => boolean
  /** The configured scopes. Undefined: every model. */
  scopes?: readonly string[]
}

/** A model and its targets, for display. */
export type ModelRow = {
  model: string
  /** The model to which the global redirect leads. */
  redirect?: string
  targets: { entry: string; type: string; model: string; credentials: number; weight: number; priority: number }[]
}

export type Router = {
  /**
   * @throws GatewayError `invalid_request` (no model named, or no service of the model supports the protocol),
   * `forbidden` (outside the scopes, whether or not the model exists), `model_not_found`
   */
  plan: (request: RoutingRequest) => Plan
  /** The models listed for a caller, sorted, with `random` last. */
  list: (caller: Caller) => { id: string }[]
  /** One model, listed or not. @throws GatewayError `forbidden`, `model_not_found` */
  find: (id: string, caller: Caller) => { id: string }
  /** Every routable name, wildcards and redirects included. */
  table: () => ModelRow[]
}

/** OpenAI's message, which clients know. */
const modelNotFound = (model: string, cause?: string): GatewayError =>
  new GatewayError(
    'model_not_found',
    `The model \`${truncateName(model)}\` does not exist or you do not have access to it.`,
    cause === undefined ? {} : { cause },
  )

const truncateName = (model: string): string => (model.length > 200 ? `${model.slice(0, 200)}…` : model)

const modelForbidden = (model: string): GatewayError =>
  new GatewayError('forbidden', `This key may not use the model \`${truncateName(model)}\`.`, { param: 'model' })

/**
 * @param supportsProtocol whether an entry supports a protocol, or a passthrough path, for the vendor's model
 * @param options the round-robin positions and target statistics that survive a reload; without them the router starts
 * with none. For tests also a random source
 */
export const createRouter = (
  compiled: CompiledConfig,
  supportsProtocol: SupportsProtocol,
  options: PolicyOptions = {},
): Router => new ModelRouter(compiled, supportsProtocol, options)

type SupportsProtocol = (entry: Entry, protocol: ProtocolId, model: string) => boolean

class ModelRouter implements Router {
  readonly #compiled: CompiledConfig
  readonly #models: ModelTable
  readonly #policy: Policy
  readonly #random: Random
  readonly #fitness: Fitness
  readonly #planCache: PlanCache
  readonly #randomPool: RandomPool

  constructor(compiled: CompiledConfig, supportsProtocol: SupportsProtocol, options: PolicyOptions) {
    this.#compiled = compiled
    this.#models = createModelTable(compiled)
    this.#policy = createPolicies(options)[compiled.strategy]
    this.#random = options.random ?? Math.random
    this.#fitness = options.fitness ?? (() => 1)
    this.#planCache = createPlanCache(this.#models, supportsProtocol, compiled.strategy === 'first')
    this.#randomPool = createRandomPool(this.#models.chatModels)
  }

  plan(request: RoutingRequest): Plan {
    const { protocol, caller, affinity } = request
    const { redirect, defaultModel } = this.#compiled
    const isChat = isChatProtocol(protocol)
    const model = request.model || defaultModel || redirectOf(redirect, '', isChat)
    if (!model) throw new GatewayError('invalid_request', 'you must provide a model parameter', { param: 'model' })
    if (!this.#randomPool.canUseModel(model, caller)) throw modelForbidden(model)
    const name = redirectOf(redirect, model, isChat)
    if (name === 'random') return { model, targets: this.#planRandom(model, request, isChat) }
    const cached = this.#planCache(protocol, name)
    if (!cached) throw this.#unsupportedError(model, name, protocol)
    return { model, targets: cached.fixedOrder ?? orderTargets(this.#policy, cached.tiers, affinity) }
  }

  list(caller: Caller): { id: string }[] {
    const names = this.#models.listedModels.filter(name => caller.canUse(name))
    const isRandomListed =
      this.#randomPool.canUseModel('random', caller) && this.#randomPool.modelsFor(caller).length > 0
    return (isRandomListed ? [...names, 'random'] : names).map(id => ({ id }))
  }

  find(id: string, caller: Caller): { id: string } {
    if (!this.#randomPool.canUseModel(id, caller)) throw modelForbidden(id)
    const name = redirectOf(this.#compiled.redirect, id, false)
    const exists = name === 'random' ? this.#chatModelsFor(id, caller).length > 0 : this.#models.lookup(name).length > 0
    if (!exists) throw modelNotFound(id)
    return { id }
  }

  table(): ModelRow[] {
    const { redirect } = this.#compiled
    const redirects = [...redirect].map(([model, target]) => ({
      model,
      redirect: target === 'all' ? 'random' : target,
      targets: [],
    }))
    const names = this.#models.names.filter(model => !redirect.has(model))
    return [...names.map(model => ({ model, targets: this.#models.lookup(model).map(toRow) })), ...redirects]
  }

  /**
   * Draws the model first, for any strategy: each by its best target, not by how many entries offer it. Then the target,
   * in order of priority. `admit` skips those without capacity.
   */
  #planRandom(model: string, { protocol, caller, affinity }: RoutingRequest, isChat: boolean): readonly Target[] {
    const plans = (isChat ? this.#chatModelsFor(model, caller) : []).flatMap(
      name => this.#planCache(protocol, name, true) ?? [],
    )
    const tiers = shuffleByFitness(plans, plan => bestOf(plan.targetIds, this.#fitness), this.#random).flatMap(
      plan => plan.tiers,
    )
    if (tiers.length === 0) throw modelNotFound(model, 'no chat model for this caller')
    return orderTargets(this.#policy, tiers.sort(byPriority), affinity)
  }

  /** A name that is redirected to `random` may stand for any chat model if the caller may name none itself. */
  #chatModelsFor(model: string, caller: Caller): readonly string[] {
    const allowed = this.#randomPool.modelsFor(caller)
    return allowed.length > 0 || model === 'random' ? allowed : this.#models.chatModels
  }

  /** The error for a model that is unknown, or that no service offers in this protocol. */
  #unsupportedError(model: string, name: string, protocol: ProtocolId): GatewayError {
    const cause = name === model ? undefined : `redirected to ${truncateName(name)}`
    if (this.#models.lookup(name).length === 0) return modelNotFound(model, cause)
    const message = `The model \`${truncateName(model)}\` cannot be used with ${protocol}: no service offers it there.`
    return new GatewayError('invalid_request', message, { param: 'model', ...(cause === undefined ? {} : { cause }) })
  }
}

const toRow = ({ entry, model }: ModelRoute): ModelRow['targets'][number] => {
  const { id, type, credentials, weight, priority } = entry
  return { entry: id, type, model, credentials: credentials.length, weight, priority }
}
