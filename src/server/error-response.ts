/** Errors outside any operation. */
import type { GatewayError } from '../base/errors.ts'
import { corsHeaders } from '../downstream/response-headers.ts'
import { protocols } from '../protocols/registry.ts'

/** Renders an error in OpenAI's format, or in that of another protocol. */
export const errorResponse = (
  error: GatewayError,
  headers: Record<string, string> = {},
  protocol = 'openai-chat',
): Response =>
  new Response(renderedError(error, protocol), {
    status: error.status,
    headers: { 'content-type': 'application/json', ...corsHeaders, ...retryHeader(error), ...headers },
  })

/** The same without CORS headers, on a connection that ends: a web page that was refused may not read why. */
export const refusalResponse = (error: GatewayError, headers: Record<string, string>): Response =>
  new Response(renderedError(error, 'openai-chat'), {
    status: error.status,
    headers: { 'content-type': 'application/json', connection: 'close', ...headers },
  })

const retryHeader = ({ detail: { retryAfter } }: GatewayError): Record<string, string> =>
  retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }

const renderedError = (error: GatewayError, protocol: string): string =>
  JSON.stringify((protocols.get(protocol) ?? protocols.get('openai-chat')!).renderError(error))
