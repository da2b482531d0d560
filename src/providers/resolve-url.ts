/** From an entry of the configuration to the addresses it is called at. Worked out once an entry; a request only looks up. */
import { GatewayError } from '../base/errors.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { isCustomPath, protocolIdOf } from '../protocols/custom-paths.ts'
import { isTranslatable, unaryKindOf } from '../protocols/registry.ts'
import type { Entry, Target } from './entry.ts'
import { providers, unsupported } from './index.ts'
import type { PathOptions, Provider, Wire } from './provider.ts'
import { endpointOf, parseServerUrl, type ServerUrl } from './server-url.ts'
import { modelPrefixes } from './vendors/openai.ts'

type Route = {
  provider: Provider
  wire: Wire
  credentials: string[]
  /** What the entry can be asked for. */
  supportsProtocol: ReadonlySet<ProtocolId>
  /** Full addresses that need no target. */
  fixed: ReadonlyMap<ProtocolId, string>
  /** The others. */
  perTarget: ReadonlyMap<ProtocolId, (target: Target, asked: PathOptions) => string>
}

const routes = new WeakMap<Entry, Route | { unsupported: string }>()

/**
 * The provider an entry is really for, and its wire in the form the entry asks for, `speaks` with what the entry serves and no more;
 * or the word on why it cannot be served.
 */
export const wireOf = (entry: Entry): { provider: Provider; wire: Wire } | { unsupported: string } => routeOf(entry)

/** Names of the credentials the entry must have: none where a server of the user's own may do without. */
export const credentialsOf = (entry: Entry): string[] => {
  const route = routeOf(entry)
  return 'unsupported' in route ? [] : route.credentials
}

/**
 * Can the entry be asked for this protocol, by a translation if need be, or this path that only passes.
 * @param model the vendor's name of it, where its protocol hangs on that
 */
export const supportsProtocol = (entry: Entry, protocol: ProtocolId, model?: string): boolean => {
  const route = routeOf(entry)
  if ('unsupported' in route) return false
  const held = model === undefined ? undefined : route.wire.protocolsFor?.(model)
  const isHeld = held?.includes(protocol) ?? true
  if (isHeld && route.supportsProtocol.has(protocol)) return true
  return (held ?? [...route.supportsProtocol]).some(id => isTranslatable(protocol, id))
}

/** Does the target speak the protocol itself. */
export const isNative = ({ entry, model }: Pick<Target, 'entry' | 'model'>, protocol: ProtocolId): boolean => {
  const route = routeOf(entry)
  return (
    !('unsupported' in route) &&
    route.supportsProtocol.has(protocol) &&
    (route.wire.protocolsFor?.(model)?.includes(protocol) ?? true)
  )
}

/**
 * The protocol a target is asked in by a client of `wanted`: the client's own if the target speaks it, else the first that we can translate to.
 * @throws GatewayError `internal` where there is none
 */
export const chooseProtocol = ({ entry, model }: Target, wanted: ProtocolId): ProtocolId => {
  const route = routeOf(entry)
  const { paths, protocolsFor } = 'unsupported' in route ? { paths: {} } : route.wire
  const held = protocolsFor?.(model)
  if (held?.includes(wanted) ?? wanted in paths) return wanted
  const other = (held ?? Object.keys(paths)).find(id => isTranslatable(wanted, id))
  if (other !== undefined) return other
  throw new GatewayError('internal', `the target does not speak ${wanted}`)
}

const seats = new WeakMap<Target, string>()

/** The seat a target is spoken to at: whose vendor's it is, and which. Digests: a seal carries them to the client. */
export const sealOriginOf = (target: Target): string => {
  const known = seats.get(target)
  if (known) return known
  const { type, serverUrl } = target.entry
  const host = serverUrl === undefined ? '' : parseServerUrl(serverUrl).host
  const seat = `${Bun.hash(`${type} ${host}`).toString(36)}.${Bun.hash(target.id).toString(36)}`
  seats.set(target, seat)
  return seat
}

/** The full URL of a request, query included. @throws GatewayError `internal` where the entry does not serve the protocol. */
export const urlOf = (target: Target, protocol: ProtocolId, asked: PathOptions = { stream: false }): string => {
  const route = routeOf(target.entry)
  const address =
    'unsupported' in route ? undefined : (route.fixed.get(protocol) ?? route.perTarget.get(protocol)?.(target, asked))
  if (address === undefined) throw new GatewayError('internal', `${target.entry.id} does not serve ${protocol}`)
  return address
}

const routeOf = (entry: Entry): Route | { unsupported: string } => {
  const known = routes.get(entry)
  if (known) return known
  const made = makeRoute(entry)
  routes.set(entry, made)
  return made
}

const makeRoute = (entry: Entry): Route | { unsupported: string } => {
  const named = providers.get(entry.type)
  if (!named) return { unsupported: unsupported.get(entry.type) ?? `no service type ${entry.type} is known` }
  const place = entry.serverUrl === undefined ? undefined : parseServerUrl(entry.serverUrl)
  const provider = (named.id === 'openai' ? vendorOf(entry, place) : undefined) ?? named
  const variant = provider.variants?.find(({ when }) => when(entry))
  if (variant && 'unsupported' in variant) return { unsupported: variant.unsupported }
  const spoken: Wire = variant ? { ...provider, ...variant } : provider
  const own = !place || typeof spoken.base === 'function' || owns(provider, place)
  const spokenHere = [...protocolsOf(entry, spoken, own)]
  const paths = Object.fromEntries(
    spokenHere.map(protocol => [protocol, spoken.paths[protocol] ?? besideFirst(spoken, protocol)]),
  )
  const wire = { ...spoken, paths, ...heldIn(spoken, paths) }
  const fixed = new Map<ProtocolId, string>()
  const perTarget = new Map<ProtocolId, (target: Target, asked: PathOptions) => string>()
  for (const protocol of spokenHere) {
    const address = addressIn(wire, place, own, protocol)
    if (typeof address === 'string') fixed.set(protocol, address)
    else perTarget.set(protocol, address)
  }
  const keyless = place !== undefined && (named.keyless ?? false)
  const credentials = keyless
    ? []
    : (variant && 'credentials' in variant && variant.credentials) || provider.credentials
  return { provider, wire, credentials, supportsProtocol: new Set(spokenHere), fixed, perTarget }
}

/** What a model is spoken to in, of what is spoken here; where that is nothing, it is asked like the others. */
const heldIn = ({ protocolsFor }: Wire, paths: Wire['paths']): Pick<Wire, 'protocolsFor'> => {
  if (!protocolsFor) return {}
  const here = (model: string) => {
    const held = protocolsFor(model)?.filter(id => id in paths)
    return held?.length === 0 ? undefined : held
  }
  return { protocolsFor: here }
}

/** The vendor behind an `openai` entry: by its host, or without one by models that are all one vendor's. */
const vendorOf = (entry: Entry, place: ServerUrl | undefined): Provider | undefined => {
  if (place) return [...providers.values()].findLast(one => !one.hosts?.includes('*') && owns(one, place))
  const models = [...entry.models, ...entry.embeddingModels, ...entry.redirect.values()]
  const vendors = new Set(models.map(model => prefixOf(entry.map.get(model) ?? model)?.provider))
  const [vendor] = vendors
  return vendors.size === 1 && vendor !== undefined ? providers.get(vendor) : undefined
}

const prefixOf = (model: string) => modelPrefixes.find(({ prefix }) => model.toLowerCase().startsWith(prefix))

const owns = (provider: Provider, { host, hostname }: ServerUrl): boolean =>
  (typeof provider.base === 'string' && parseServerUrl(provider.base).host === host) ||
  (provider.hosts ?? []).some(
    own => own === '*' || own === hostname || (own.startsWith('*.') && hostname.endsWith(own.slice(1))),
  )

/** A foreign host is known to speak the first protocol; the rest where the entry says so, embeddings also by naming models for them. */
const protocolsOf = (entry: Entry, { paths: paths }: Wire, own: boolean): Set<ProtocolId> => {
  const all = Object.keys(paths)
  const held = own ? all : all.slice(0, 1)
  const embeds = entry.embeddingModels.length > 0 ? all.filter(id => unaryKindOf(id) === 'embedding') : []
  return new Set([...held, ...embeds, ...(entry.supportedProtocols ?? []).map(name => inFull(name, all))])
}

/** Clients call a protocol by its path; the vendor may have one of its own for the same. */
const inFull = (name: string, all: readonly ProtocolId[]): ProtocolId => {
  const kind = all.includes(name) ? undefined : unaryKindOf(name)
  return all.find(id => kind !== undefined && unaryKindOf(id) === kind) ?? protocolIdOf(name)
}

type Address = string | ((target: Target, asked: PathOptions) => string)

const addressIn = (wire: Wire, place: ServerUrl | undefined, own: boolean, protocol: ProtocolId): Address => {
  const { base } = wire
  const path = wire.paths[protocol] ?? endpointOf(protocol)
  if (typeof base === 'function')
    return (target, asked) => joined(base(target, asked), typeof path === 'function' ? path(target, asked) : path)
  if (typeof path === 'function') return pathPerTarget(base, place, own, path)
  return place ? besideOf(wire, base, place, own, protocol, path) : joined(base, path)
}

const pathPerTarget =
  (
    base: string,
    place: ServerUrl | undefined,
    own: boolean,
    path: (target: Target, asked: PathOptions) => string,
  ): Address =>
  (target, asked) =>
    place
      ? place.origin + pathAt(place, own, parseServerUrl(base).path) + path(target, asked) + place.query
      : joined(base, path(target, asked))

const joined = (base: string, path: string): string => {
  const at = base.indexOf('?')
  if (at === -1) return base + path
  return base.slice(0, at) + path + (path.includes('?') ? `&${base.slice(at + 1)}` : base.slice(at))
}

/** What stands before the endpoint in the address of the vendor's first protocol: `/compatible-mode/v1`, often nothing. */
const prefixIn = ({ paths: paths }: Wire): string => {
  const [first = 'openai-chat'] = Object.keys(paths)
  const path = paths[first]
  const endpoint = endpointOf(first)
  return typeof path === 'string' && path.endsWith(endpoint) ? path.slice(0, -endpoint.length) : ''
}

/** Where a protocol the vendor is not known for stands: a path of the user's own beside the first protocol. */
const besideFirst = (wire: Wire, protocol: ProtocolId): string =>
  (isCustomPath(protocol) ? prefixIn(wire) : '') + endpointOf(protocol)

/** An address at a configured host. A path the vendor keeps elsewhere than beside its first protocol follows the host, not the path given. */
const besideOf = (
  wire: Wire,
  base: string,
  place: ServerUrl,
  own: boolean,
  protocol: ProtocolId,
  path: string,
): string => {
  const prefix = prefixIn(wire)
  const root = parseServerUrl(base).path
  const endpoint = endpointOf(protocol)
  const at = own && path !== prefix + endpoint ? root + path : pathAt(place, own, root + prefix) + endpoint
  return place.origin + at + place.query
}

/** The path given; where it stops short, the vendor's own on its own host, `/v1` on any other. */
const pathAt = ({ path, whole }: ServerUrl, own: boolean, root: string): string => {
  if (whole) return path
  if (own && `${root}/`.startsWith(`${path}/`)) return root
  return path === '' ? '/v1' : path
}
