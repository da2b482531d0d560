/** The ordered targets of one request. */

import { GatewayError } from '../base/errors.ts'
import type { Compiled } from '../config/compiled.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { ingressOf } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { createModelTable, type ModelTable, type Route, redirectOf } from './model-table.ts'
import { byPriority, createPlanCache, inOrder, type PlanCache } from './plan-cache.ts'
import { type Chances, createPolicies, type Policy, type Random, shuffle } from './policies.ts'
import { createRandomPool, type RandomPool } from './random-pool.ts'

export type Plan = {
  /** The model as the client named it (or `default_model`): what its answer carries. */
  model: string
  /** In the order they are to be tried; never empty. */
  targets: readonly Target[]
}

/** What routing needs to know of a request. */
export type RoutingRequest = {
  /** Undefined: the request names none. */
  model: string | undefined
  /** The client's protocol, or the path that passes: only entries that can serve it are planned. */
  protocol: ProtocolId
  caller: Caller
  /** What the `hash` strategy sticks to, worked out only when it asks. */
  affinity: () => string
}

/** Whoever a client key belongs to. */
export type Caller = {
  /** For the log and for affinity; never the key. */
  id: string
  /** May this caller name this model. */
  may: (model: string) => boolean
  /** The scopes as configured; absent: every model. */
  scopes?: readonly string[]
}

/** One model and where it leads, for people. */
export type Row = {
  model: string
  /** Where the global redirect sends it. */
  redirect?: string
  targets: { entry: string; type: string; model: string; credentials: number; weight: number; priority: number }[]
}

export type Router = {
  /**
   * @throws GatewayError `invalid_request` (no model named; its services do not speak the protocol), `forbidden` (outside the scopes,
   * whether or not the model exists), `model_not_found`
   */
  plan: (wanted: RoutingRequest) => Plan
  /** The models a caller is shown, sorted, `random` last. */
  list: (caller: Caller) => { id: string }[]
  /** One model, shown or not. @throws GatewayError `forbidden`, `model_not_found` */
  find: (id: string, caller: Caller) => { id: string }
  /** Every name that leads somewhere, wildcards and redirects included. */
  table: () => Row[]
}

/** OpenAI's words, which clients know. */
const notFound = (model: string, cause?: string): GatewayError =>
  new GatewayError(
    'model_not_found',
    `The model \`${shorten(model)}\` does not exist or you do not have access to it.`,
    cause === undefined ? {} : { cause },
  )

const shorten = (model: string): string => (model.length > 200 ? `${model.slice(0, 200)}…` : model)

const forbid = (model: string): GatewayError =>
  new GatewayError('forbidden', `This key may not use the model \`${shorten(model)}\`.`, { param: 'model' })

/**
 * @param serves can this entry be spoken to in this protocol, or passed this path, for the vendor's model
 * @param options chance, the turns of round robin and the pulse, for tests; left out, turns and pulse go on across reloads
 */
export const createRouter = (compiled: Compiled, serves: Serves, options: Chances = {}): Router =>
  new ModelRouter(compiled, serves, options)

type Serves = (entry: Entry, protocol: ProtocolId, model: string) => boolean

class ModelRouter implements Router {
  readonly #compiled: Compiled
  readonly #models: ModelTable
  readonly #policy: Policy
  readonly #random: Random
  readonly #ready: PlanCache
  readonly #pool: RandomPool

  constructor(compiled: Compiled, serves: Serves, chances: Chances) {
    this.#compiled = compiled
    this.#models = createModelTable(compiled)
    this.#policy = createPolicies(chances)[compiled.strategy]
    this.#random = chances.random ?? Math.random
    this.#ready = createPlanCache(this.#models, serves, compiled.strategy === 'first')
    this.#pool = createRandomPool(this.#models.chats)
  }

  plan(wanted: RoutingRequest): Plan {
    const { protocol, caller, affinity } = wanted
    const { redirect, defaultModel } = this.#compiled
    const chat = ingressOf(protocol) !== undefined
    const model = wanted.model || defaultModel || redirectOf(redirect, '', chat)
    if (!model) throw new GatewayError('invalid_request', 'you must provide a model parameter', { param: 'model' })
    if (!this.#pool.mayName(model, caller)) throw forbid(model)
    const name = redirectOf(redirect, model, chat)
    if (name === 'random') return { model, targets: this.#planRandom(model, wanted, chat) }
    const prepared = this.#ready(protocol, name)
    if (!prepared) throw this.#unserved(model, name, protocol)
    return { model, targets: prepared.fixed ?? inOrder(this.#policy, prepared.tiers, affinity) }
  }

  list(caller: Caller): { id: string }[] {
    const names = this.#models.listed.filter(name => caller.may(name))
    const isRandomShown = this.#pool.mayName('random', caller) && this.#pool.chosenFrom(caller).length > 0
    return (isRandomShown ? [...names, 'random'] : names).map(id => ({ id }))
  }

  find(id: string, caller: Caller): { id: string } {
    if (!this.#pool.mayName(id, caller)) throw forbid(id)
    const name = redirectOf(this.#compiled.redirect, id, false)
    const exists = name === 'random' ? this.#chatsFor(id, caller).length > 0 : this.#models.lookup(name).length > 0
    if (!exists) throw notFound(id)
    return { id }
  }

  table(): Row[] {
    const { redirect } = this.#compiled
    const redirects = [...redirect].map(([model, to]) => ({
      model,
      redirect: to === 'all' ? 'random' : to,
      targets: [],
    }))
    const names = this.#models.names.filter(model => !redirect.has(model))
    return [...names.map(model => ({ model, targets: this.#models.lookup(model).map(toRow) })), ...redirects]
  }

  /** Uniform over the models, whatever the strategy, in order of priority; `admit` passes over those that cannot serve now. */
  #planRandom(model: string, { protocol, caller, affinity }: RoutingRequest, chat: boolean): readonly Target[] {
    const names = chat ? shuffle(this.#chatsFor(model, caller), this.#random) : []
    const tiers = names.flatMap(name => this.#ready(protocol, name, true)?.tiers ?? [])
    if (tiers.length === 0) throw notFound(model, 'no chat model for this caller')
    return inOrder(this.#policy, tiers.sort(byPriority), affinity)
  }

  /** A name that is redirected to `random` may stand for any chat model where the caller may name none itself. */
  #chatsFor(model: string, caller: Caller): readonly string[] {
    const chosen = this.#pool.chosenFrom(caller)
    return chosen.length > 0 || model === 'random' ? chosen : this.#models.chats
  }

  /** Known, but not in this protocol; or not known at all. */
  #unserved(model: string, name: string, protocol: ProtocolId): GatewayError {
    const cause = name === model ? undefined : `redirected to ${shorten(name)}`
    if (this.#models.lookup(name).length === 0) return notFound(model, cause)
    const message = `The model \`${shorten(model)}\` cannot be used with ${protocol}: no service offers it there.`
    return new GatewayError('invalid_request', message, { param: 'model', ...(cause === undefined ? {} : { cause }) })
  }
}

const toRow = ({ entry, model }: Route): Row['targets'][number] => {
  const { id, type, credentials, weight, priority } = entry
  return { entry: id, type, model, credentials: credentials.length, weight, priority }
}
