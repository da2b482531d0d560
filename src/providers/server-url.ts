/** Reads a configured `server_url`: where the host ends, what of its path is an endpoint and must go, what is query. */
import { GatewayError } from '../base/errors.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { passthroughPaths } from '../protocols/registry.ts'

export type PassthroughPath = (typeof passthroughPaths)[number]

/** Where a protocol stands below its base on a host that follows OpenAI. */
export const endpointOf = (protocol: ProtocolId): string => namedEndpoints[protocol] ?? `/${protocol}`

const namedEndpoints: Record<ProtocolId, string> = {
  'openai-chat': '/chat/completions',
  'openai-responses': '/responses',
  anthropic: '/messages',
  'anthropic/count_tokens': '/messages/count_tokens',
}

/** What a vendor that follows OpenAI's paths speaks: its chat and the paths named. */
export const openaiPaths = (...paths: ('openai-responses' | PassthroughPath)[]): Record<ProtocolId, string> =>
  Object.fromEntries(['openai-chat', ...paths].map(protocol => [protocol, endpointOf(protocol)]))

/** The same where the vendor keeps it apart from others of its addresses: `/v1` before each of them. */
export const withPathPrefix = (prefix: string, paths: Record<ProtocolId, string>): Record<ProtocolId, string> =>
  Object.fromEntries(Object.entries(paths).map(([protocol, path]) => [protocol, prefix + path]))

/** Longest first, so that `/chat/completions` is cut whole. */
const endpoints = [...Object.keys(namedEndpoints), ...passthroughPaths]
  .map(endpointOf)
  .sort((a, b) => b.length - a.length)

export type ServerUrl = {
  /** Host name and port as the URL has them, lower case. */
  host: string
  /** Host name alone. */
  hostname: string
  /** Scheme and host, no slash at the end. */
  origin: string
  /** Without an endpoint and without slashes at the end: `''`, `/v1`, `/api/paas/v4`. */
  path: string
  /** Was a whole endpoint named: then `path` is what stood before it, even if that is nothing. */
  hasEndpoint: boolean
  /** That endpoint: `/chat/completions`. */
  endpoint: string | undefined
  /** With its question mark, or empty. */
  query: string
}

const trimSlashes = (path: string): string => {
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** @param serverUrl absolute; the configuration has checked it. */
export const parseServerUrl = (serverUrl: string): ServerUrl => {
  const url = new URL(serverUrl)
  const path = trimSlashes(url.pathname)
  const endpoint = endpoints.find(known => path.endsWith(known))
  const account = url.username ? `${url.username}${url.password ? `:${url.password}` : ''}@` : ''
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

/** A model's name as one step of a path; a client can name any, behind a wildcard. @throws GatewayError for one that would lead elsewhere */
export const pathSegment = (model: string): string => {
  if (/^\.{1,2}$/.test(model) || !model.isWellFormed())
    throw new GatewayError('model_not_found', 'The model does not exist: no address can hold its name.', {
      param: 'model',
    })
  return encodeURIComponent(model)
}
