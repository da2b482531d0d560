/** Parses a configured `server_url` into host, base path, endpoint and query. */
import { GatewayError } from '../base/errors.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { namedPaths, passthroughPaths } from '../protocols/registry.ts'

type PassthroughPath = (typeof passthroughPaths)[number]

/** The path of a protocol below the base URL on a host that follows OpenAI. */
export const endpointOf = (protocol: ProtocolId): string => namedEndpoints[protocol] ?? `/${protocol}`

const namedEndpoints: Record<ProtocolId, string> = Object.fromEntries(
  Object.entries(namedPaths).map(([id, path]) => [id, `/${path}`]),
)

/** The paths of a vendor that follows OpenAI: chat completions and the named paths. */
export const openaiPaths = (...paths: ('openai-responses' | PassthroughPath)[]): Record<ProtocolId, string> =>
  Object.fromEntries(['openai-chat', ...paths].map(protocol => [protocol, endpointOf(protocol)]))

/** Adds a prefix such as `/v1` to each path, for vendors whose other paths do not have it. */
export const withPathPrefix = (prefix: string, paths: Record<ProtocolId, string>): Record<ProtocolId, string> =>
  Object.fromEntries(Object.entries(paths).map(([protocol, path]) => [protocol, prefix + path]))

/** Longest first, so that `/chat/completions` is removed as a whole. */
const endpoints = [...Object.keys(namedEndpoints), ...passthroughPaths]
  .map(endpointOf)
  .sort((a, b) => b.length - a.length)

export type ServerUrl = {
  /** Host name and port in lower case. */
  host: string
  /** Host name without port. */
  hostname: string
  /** Scheme and host without a trailing slash. */
  origin: string
  /** Path without endpoint and without trailing slashes: `''`, `/v1`, `/api/paas/v4`. */
  path: string
  /** True if the URL named a complete endpoint. `path` is then what preceded the endpoint, and may be empty. */
  hasEndpoint: boolean
  /** The endpoint: `/chat/completions`. */
  endpoint: string | undefined
  /** Query with its question mark, or an empty string. */
  query: string
}

const trimSlashes = (path: string): string => {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** @param serverUrl an absolute URL, already checked by the configuration */
export const parseServerUrl = (serverUrl: string): ServerUrl => {
  const url = new URL(serverUrl)
  const path = trimSlashes(url.pathname)
  const endpoint = endpoints.find(known => path.endsWith(known))
  const password = url.password ? `:${url.password}` : ''
  const account = url.username ? `${url.username}${password}@` : ''
  return {
    host: url.host,
    hostname: url.hostname,
    origin: `${url.protocol}//${account}${url.host}`,
    path: endpoint ? trimSlashes(path.slice(0, -endpoint.length)) : path,
    hasEndpoint: endpoint !== undefined,
    endpoint,
    query: url.search,
  }
}

/**
 * Encodes a model name as one path segment. Behind a wildcard a client can send any name.
 * @throws GatewayError `model_not_found` for a name that would lead to another path
 */
export const pathSegment = (model: string): string => {
  if (/^\.{1,2}$/.test(model) || !model.isWellFormed())
    throw new GatewayError('model_not_found', 'The model does not exist: no address can hold its name.', {
      param: 'model',
    })
  return encodeURIComponent(model)
}
