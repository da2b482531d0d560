/**
 * Resolves an entry of the configuration to the URLs that it is called at. The result is computed once per entry, so a
 * request only looks it up.
 */
import { GatewayError } from '../base/errors.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { isCustomPath, isTranslatable, protocolIdOf, unaryTaskOf } from '../protocols/registry.ts'
import type { Entry, Target } from './entry.ts'
import { providers, unsupported } from './index.ts'
import type { PathOptions, Provider, Wire } from './provider.ts'
import { endpointOf, parseServerUrl, type ServerUrl } from './server-url.ts'
import { modelPrefixes } from './vendors/openai.ts'

type ResolvedEntry = {
  provider: Provider
  wire: Wire
  credentials: string[]
  /** Protocols that the entry can be asked in. */
  supportsProtocol: ReadonlySet<ProtocolId>
  /** Complete URLs that do not depend on the target. */
  fixedUrls: ReadonlyMap<ProtocolId, string>
  /** Functions for the URLs that depend on the target. */
  urlBuilders: ReadonlyMap<ProtocolId, (target: Target, options: PathOptions) => string>
}

const resolvedEntries = new WeakMap<Entry, ResolvedEntry | { unsupported: string }>()

/**
 * The provider that an entry really belongs to, with its wire in the variant that the entry selects. `paths` contains
 * only what the entry serves. If the entry cannot be served, `unsupported` says why.
 */
export const wireOf = (entry: Entry): { provider: Provider; wire: Wire } | { unsupported: string } =>
  resolveEntry(entry)

/** Names of the credentials that the entry must have. Empty for a server of the user's own that needs none. */
export const credentialsOf = (entry: Entry): string[] => {
  const resolved = resolveEntry(entry)
  return 'unsupported' in resolved ? [] : resolved.credentials
}

/**
 * True if the entry can serve this protocol, directly or by translation, or this passthrough path.
 * @param model the vendor's name of the model, where the protocol depends on it
 */
export const supportsProtocol = (entry: Entry, protocol: ProtocolId, model?: string): boolean => {
  const resolved = resolveEntry(entry)
  if ('unsupported' in resolved) return false
  const modelProtocols = model === undefined ? undefined : resolved.wire.protocolsFor?.(model)
  const isModelProtocol = modelProtocols?.includes(protocol) ?? true
  if (isModelProtocol && resolved.supportsProtocol.has(protocol)) return true
  return (modelProtocols ?? [...resolved.supportsProtocol]).some(id => isTranslatable(protocol, id))
}

/** True if the target supports the protocol itself, without translation. */
export const isNative = ({ entry, model }: Pick<Target, 'entry' | 'model'>, protocol: ProtocolId): boolean => {
  const resolved = resolveEntry(entry)
  return (
    !('unsupported' in resolved) &&
    resolved.supportsProtocol.has(protocol) &&
    (resolved.wire.protocolsFor?.(model)?.includes(protocol) ?? true)
  )
}

/**
 * The protocol to use for a target: the client's own if the target supports it, otherwise the first that can be
 * translated to.
 * @throws GatewayError `internal` if there is none
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

/**
 * Identifies the vendor and the target that a seal comes from. It consists of digests, because a seal carries it to the
 * client.
 */
export const sealOriginOf = (target: Target): string => {
  const known = sealOrigins.get(target)
  if (known) return known
  const { type, serverUrl } = target.entry
  const host = serverUrl === undefined ? '' : parseServerUrl(serverUrl).host
  const sealOrigin = `${Bun.hash(`${type} ${host}`).toString(36)}.${Bun.hash(target.id).toString(36)}`
  sealOrigins.set(target, sealOrigin)
  return sealOrigin
}

/**
 * The complete URL of a request, including its query.
 * @throws GatewayError `internal` if the entry does not serve the protocol
 */
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

/** An `openai` entry may belong to another vendor. */
const providerOf = (named: Provider, entry: Entry, server: ServerUrl | undefined): Provider =>
  (named.id === 'openai' ? vendorOf(entry, server) : undefined) ?? named

/** Whether the entry is on a host of the vendor's own. */
const isAtVendor = ({ base }: Wire, provider: Provider, server: ServerUrl | undefined): boolean =>
  !server || typeof base === 'function' || isHostOf(provider, server)

const buildResolvedEntry = (entry: Entry): ResolvedEntry | { unsupported: string } => {
  const namedProvider = providers.get(entry.type)
  if (!namedProvider) return { unsupported: unsupported.get(entry.type) ?? `no service type ${entry.type} is known` }
  const server = entry.serverUrl === undefined ? undefined : parseServerUrl(entry.serverUrl)
  const provider = providerOf(namedProvider, entry, server)
  const variant = provider.variants?.find(({ when }) => when(entry))
  if (variant && 'unsupported' in variant) return { unsupported: variant.unsupported }
  const vendorWire: Wire = variant ? { ...provider, ...variant } : provider
  const isOwnHost = isAtVendor(vendorWire, provider, server)
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
  const isKeyless = server !== undefined && namedProvider.keyless === true
  const ownCredentials = variant && 'credentials' in variant ? variant.credentials : undefined
  const credentials = isKeyless ? [] : (ownCredentials ?? provider.credentials)
  return { provider, wire, credentials, supportsProtocol: new Set(served), fixedUrls, urlBuilders }
}

/**
 * Limits `protocolsFor` to the protocols that the entry serves. A model for which none is left is treated like the
 * others.
 */
const limitProtocolsFor = ({ protocolsFor }: Wire, paths: Wire['paths']): Pick<Wire, 'protocolsFor'> => {
  if (!protocolsFor) return {}
  const servedProtocolsFor = (model: string) => {
    const modelProtocols = protocolsFor(model)?.filter(id => id in paths)
    return modelProtocols?.length === 0 ? undefined : modelProtocols
  }
  return { protocolsFor: servedProtocolsFor }
}

/**
 * The vendor behind an `openai` entry. It is found by the host, or without a host by the models if all of them belong
 * to one vendor.
 */
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

/**
 * The protocols of an entry. A host that is not the vendor's is assumed to support only the first protocol. Other
 * protocols need `speaks` in the entry; embeddings can also be declared by naming embedding models.
 */
const protocolsOf = (entry: Entry, { paths }: Wire, isOwnHost: boolean): Set<ProtocolId> => {
  const all = Object.keys(paths)
  const hostProtocols = isOwnHost ? all : all.slice(0, 1)
  const embeddingProtocols = entry.embeddingModels.length > 0 ? all.filter(id => unaryTaskOf(id) === 'embedding') : []
  return new Set([
    ...hostProtocols,
    ...embeddingProtocols,
    ...(entry.supportedProtocols ?? []).map(name => resolveProtocolName(name, all)),
  ])
}

/** Maps a configured path to a protocol. The vendor may have a native protocol for the same purpose. */
const resolveProtocolName = (name: string, all: readonly ProtocolId[]): ProtocolId => {
  const task = all.includes(name) ? undefined : unaryTaskOf(name)
  return all.find(id => task !== undefined && unaryTaskOf(id) === task) ?? protocolIdOf(name)
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
  return server
    ? urlAtHost(endpointPrefixOf(wire), parseServerUrl(base).path, { server, isOwnHost }, endpointOf(protocol), path)
    : joinUrl(base, path)
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

/** The path before the endpoint in the URL of the vendor's first protocol: `/compatible-mode/v1`, often empty. */
const endpointPrefixOf = ({ paths }: Wire): string => {
  const [firstProtocol = 'openai-chat'] = Object.keys(paths)
  const path = paths[firstProtocol]
  const endpoint = endpointOf(firstProtocol)
  return typeof path === 'string' && path.endsWith(endpoint) ? path.slice(0, -endpoint.length) : ''
}

/** The path of a protocol that the vendor is not known for: next to the first protocol. */
const siblingPath = (wire: Wire, protocol: ProtocolId): string =>
  (isCustomPath(protocol) ? endpointPrefixOf(wire) : '') + endpointOf(protocol)

/**
 * A URL on a configured host. A path that the vendor keeps apart from its first protocol depends only on the host, not
 * on the configured path. `prefix` is the path before the endpoint of the vendor's first protocol, `root` the path of
 * the vendor's base URL.
 */
const urlAtHost = (
  prefix: string,
  root: string,
  { server, isOwnHost }: { server: ServerUrl; isOwnHost: boolean },
  endpoint: string,
  path: string,
): string => {
  const fullPath =
    isOwnHost && path !== prefix + endpoint ? root + path : basePathAt(server, isOwnHost, root + prefix) + endpoint
  return server.origin + fullPath + server.query
}

/**
 * The configured path. If it is incomplete, the vendor's own path on the vendor's host, and `/v1` on any other host.
 */
const basePathAt = ({ path, hasEndpoint }: ServerUrl, isOwnHost: boolean, root: string): string => {
  if (hasEndpoint) return path
  if (isOwnHost && `${root}/`.startsWith(`${path}/`)) return root
  return path === '' ? '/v1' : path
}
