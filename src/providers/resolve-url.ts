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

type ResolvedEntry = {
  provider: Provider
  wire: Wire
  credentials: string[]
  /** What the entry can be asked for. */
  supportsProtocol: ReadonlySet<ProtocolId>
  /** Full addresses that need no target. */
  fixedUrls: ReadonlyMap<ProtocolId, string>
  /** The others. */
  urlBuilders: ReadonlyMap<ProtocolId, (target: Target, options: PathOptions) => string>
}

const resolvedEntries = new WeakMap<Entry, ResolvedEntry | { unsupported: string }>()

/**
 * The provider an entry is really for, and its wire in the form the entry asks for, `speaks` with what the entry serves and no more;
 * or the word on why it cannot be served.
 */
export const wireOf = (entry: Entry): { provider: Provider; wire: Wire } | { unsupported: string } =>
  resolveEntry(entry)

/** Names of the credentials the entry must have: none where a server of the user's own may do without. */
export const credentialsOf = (entry: Entry): string[] => {
  const resolved = resolveEntry(entry)
  return 'unsupported' in resolved ? [] : resolved.credentials
}

/**
 * Can the entry be asked for this protocol, by a translation if need be, or this path that only passes.
 * @param model the vendor's name of it, where its protocol hangs on that
 */
export const supportsProtocol = (entry: Entry, protocol: ProtocolId, model?: string): boolean => {
  const resolved = resolveEntry(entry)
  if ('unsupported' in resolved) return false
  const modelProtocols = model === undefined ? undefined : resolved.wire.protocolsFor?.(model)
  const isModelProtocol = modelProtocols?.includes(protocol) ?? true
  if (isModelProtocol && resolved.supportsProtocol.has(protocol)) return true
  return (modelProtocols ?? [...resolved.supportsProtocol]).some(id => isTranslatable(protocol, id))
}

/** Does the target speak the protocol itself. */
export const isNative = ({ entry, model }: Pick<Target, 'entry' | 'model'>, protocol: ProtocolId): boolean => {
  const resolved = resolveEntry(entry)
  return (
    !('unsupported' in resolved) &&
    resolved.supportsProtocol.has(protocol) &&
    (resolved.wire.protocolsFor?.(model)?.includes(protocol) ?? true)
  )
}

/**
 * The protocol a target is asked in by a client of `wanted`: the client's own if the target speaks it, else the first that we can translate to.
 * @throws GatewayError `internal` where there is none
 */
export const chooseProtocol = ({ entry, model }: Target, clientProtocol: ProtocolId): ProtocolId => {
  const resolved = resolveEntry(entry)
  const { paths, protocolsFor } = 'unsupported' in resolved ? { paths: {} } : resolved.wire
  const modelProtocols = protocolsFor?.(model)
  if (modelProtocols?.includes(clientProtocol) ?? clientProtocol in paths) return clientProtocol
  const translatable = (modelProtocols ?? Object.keys(paths)).find(id => isTranslatable(clientProtocol, id))
  if (translatable !== undefined) return translatable
  throw new GatewayError('internal', `the target does not speak ${clientProtocol}`)
}

const sealOrigins = new WeakMap<Target, string>()

/** The seat a target is spoken to at: whose vendor's it is, and which. Digests: a seal carries them to the client. */
export const sealOriginOf = (target: Target): string => {
  const known = sealOrigins.get(target)
  if (known) return known
  const { type, serverUrl } = target.entry
  const host = serverUrl === undefined ? '' : parseServerUrl(serverUrl).host
  const sealOrigin = `${Bun.hash(`${type} ${host}`).toString(36)}.${Bun.hash(target.id).toString(36)}`
  sealOrigins.set(target, sealOrigin)
  return sealOrigin
}

/** The full URL of a request, query included. @throws GatewayError `internal` where the entry does not serve the protocol. */
export const urlOf = (target: Target, protocol: ProtocolId, options: PathOptions = { stream: false }): string => {
  const resolved = resolveEntry(target.entry)
  const url =
    'unsupported' in resolved
      ? undefined
      : (resolved.fixedUrls.get(protocol) ?? resolved.urlBuilders.get(protocol)?.(target, options))
  if (url === undefined) throw new GatewayError('internal', `${target.entry.id} does not serve ${protocol}`)
  return url
}

const resolveEntry = (entry: Entry): ResolvedEntry | { unsupported: string } => {
  const known = resolvedEntries.get(entry)
  if (known) return known
  const resolved = buildResolvedEntry(entry)
  resolvedEntries.set(entry, resolved)
  return resolved
}

const buildResolvedEntry = (entry: Entry): ResolvedEntry | { unsupported: string } => {
  const namedProvider = providers.get(entry.type)
  if (!namedProvider) return { unsupported: unsupported.get(entry.type) ?? `no service type ${entry.type} is known` }
  const server = entry.serverUrl === undefined ? undefined : parseServerUrl(entry.serverUrl)
  const provider = (namedProvider.id === 'openai' ? vendorOf(entry, server) : undefined) ?? namedProvider
  const variant = provider.variants?.find(({ when }) => when(entry))
  if (variant && 'unsupported' in variant) return { unsupported: variant.unsupported }
  const vendorWire: Wire = variant ? { ...provider, ...variant } : provider
  const isOwnHost = !server || typeof vendorWire.base === 'function' || isHostOf(provider, server)
  const served = [...protocolsOf(entry, vendorWire, isOwnHost)]
  const paths = Object.fromEntries(
    served.map(protocol => [protocol, vendorWire.paths[protocol] ?? siblingPath(vendorWire, protocol)]),
  )
  const wire = { ...vendorWire, paths, ...limitProtocolsFor(vendorWire, paths) }
  const fixedUrls = new Map<ProtocolId, string>()
  const urlBuilders = new Map<ProtocolId, (target: Target, options: PathOptions) => string>()
  for (const protocol of served) {
    const url = urlOrBuilderOf(wire, server, isOwnHost, protocol)
    if (typeof url === 'string') fixedUrls.set(protocol, url)
    else urlBuilders.set(protocol, url)
  }
  const isKeyless = server !== undefined && (namedProvider.keyless ?? false)
  const credentials = isKeyless
    ? []
    : (variant && 'credentials' in variant && variant.credentials) || provider.credentials
  return { provider, wire, credentials, supportsProtocol: new Set(served), fixedUrls, urlBuilders }
}

/** What a model is spoken to in, of what is spoken here; where that is nothing, it is asked like the others. */
const limitProtocolsFor = ({ protocolsFor }: Wire, paths: Wire['paths']): Pick<Wire, 'protocolsFor'> => {
  if (!protocolsFor) return {}
  const servedProtocolsFor = (model: string) => {
    const modelProtocols = protocolsFor(model)?.filter(id => id in paths)
    return modelProtocols?.length === 0 ? undefined : modelProtocols
  }
  return { protocolsFor: servedProtocolsFor }
}

/** The vendor behind an `openai` entry: by its host, or without one by models that are all one vendor's. */
const vendorOf = (entry: Entry, server: ServerUrl | undefined): Provider | undefined => {
  if (server)
    return [...providers.values()].findLast(provider => !provider.hosts?.includes('*') && isHostOf(provider, server))
  const models = [...entry.models, ...entry.embeddingModels, ...entry.redirect.values()]
  const vendors = new Set(models.map(model => modelPrefixOf(entry.map.get(model) ?? model)?.provider))
  const [vendor] = vendors
  return vendors.size === 1 && vendor !== undefined ? providers.get(vendor) : undefined
}

const modelPrefixOf = (model: string) => modelPrefixes.find(({ prefix }) => model.toLowerCase().startsWith(prefix))

const isHostOf = (provider: Provider, { host, hostname }: ServerUrl): boolean =>
  (typeof provider.base === 'string' && parseServerUrl(provider.base).host === host) ||
  (provider.hosts ?? []).some(
    pattern =>
      pattern === '*' || pattern === hostname || (pattern.startsWith('*.') && hostname.endsWith(pattern.slice(1))),
  )

/** A foreign host is known to speak the first protocol; the rest where the entry says so, embeddings also by naming models for them. */
const protocolsOf = (entry: Entry, { paths: paths }: Wire, isOwnHost: boolean): Set<ProtocolId> => {
  const all = Object.keys(paths)
  const hostProtocols = isOwnHost ? all : all.slice(0, 1)
  const embeddingProtocols = entry.embeddingModels.length > 0 ? all.filter(id => unaryKindOf(id) === 'embedding') : []
  return new Set([
    ...hostProtocols,
    ...embeddingProtocols,
    ...(entry.supportedProtocols ?? []).map(name => resolveProtocolName(name, all)),
  ])
}

/** Clients call a protocol by its path; the vendor may have one of its own for the same. */
const resolveProtocolName = (name: string, all: readonly ProtocolId[]): ProtocolId => {
  const kind = all.includes(name) ? undefined : unaryKindOf(name)
  return all.find(id => kind !== undefined && unaryKindOf(id) === kind) ?? protocolIdOf(name)
}

type UrlOrBuilder = string | ((target: Target, options: PathOptions) => string)

const urlOrBuilderOf = (
  wire: Wire,
  server: ServerUrl | undefined,
  isOwnHost: boolean,
  protocol: ProtocolId,
): UrlOrBuilder => {
  const { base } = wire
  const path = wire.paths[protocol] ?? endpointOf(protocol)
  if (typeof base === 'function')
    return (target, options) =>
      joinUrl(base(target, options), typeof path === 'function' ? path(target, options) : path)
  if (typeof path === 'function') return urlPerTarget(base, server, isOwnHost, path)
  return server ? urlAtHost(wire, base, server, isOwnHost, protocol, path) : joinUrl(base, path)
}

const urlPerTarget =
  (
    base: string,
    server: ServerUrl | undefined,
    isOwnHost: boolean,
    path: (target: Target, options: PathOptions) => string,
  ): UrlOrBuilder =>
  (target, options) =>
    server
      ? server.origin + basePathAt(server, isOwnHost, parseServerUrl(base).path) + path(target, options) + server.query
      : joinUrl(base, path(target, options))

const joinUrl = (base: string, path: string): string => {
  const queryAt = base.indexOf('?')
  if (queryAt === -1) return base + path
  return base.slice(0, queryAt) + path + (path.includes('?') ? `&${base.slice(queryAt + 1)}` : base.slice(queryAt))
}

/** What stands before the endpoint in the address of the vendor's first protocol: `/compatible-mode/v1`, often nothing. */
const endpointPrefixOf = ({ paths: paths }: Wire): string => {
  const [firstProtocol = 'openai-chat'] = Object.keys(paths)
  const path = paths[firstProtocol]
  const endpoint = endpointOf(firstProtocol)
  return typeof path === 'string' && path.endsWith(endpoint) ? path.slice(0, -endpoint.length) : ''
}

/** Where a protocol the vendor is not known for stands: a path of the user's own beside the first protocol. */
const siblingPath = (wire: Wire, protocol: ProtocolId): string =>
  (isCustomPath(protocol) ? endpointPrefixOf(wire) : '') + endpointOf(protocol)

/** An address at a configured host. A path the vendor keeps elsewhere than beside its first protocol follows the host, not the path given. */
const urlAtHost = (
  wire: Wire,
  base: string,
  server: ServerUrl,
  isOwnHost: boolean,
  protocol: ProtocolId,
  path: string,
): string => {
  const prefix = endpointPrefixOf(wire)
  const root = parseServerUrl(base).path
  const endpoint = endpointOf(protocol)
  const fullPath =
    isOwnHost && path !== prefix + endpoint ? root + path : basePathAt(server, isOwnHost, root + prefix) + endpoint
  return server.origin + fullPath + server.query
}

/** The path given; where it stops short, the vendor's own on its own host, `/v1` on any other. */
const basePathAt = ({ path, hasEndpoint }: ServerUrl, isOwnHost: boolean, root: string): string => {
  if (hasEndpoint) return path
  if (isOwnHost && `${root}/`.startsWith(`${path}/`)) return root
  return path === '' ? '/v1' : path
}
