/** Errors outside any operation. */
import type { GatewayError } from '../base/errors.ts'
import { commonHeaders, noSniff } from '../downstream/response-headers.ts'
import { respondUnread } from '../downstream/unread-body.ts'
import { protocols } from '../protocols/registry.ts'

/** Renders an error in OpenAI's format, or in that of another protocol. The body of the request is not read on. */
export const errorResponse = (
  request: Request,
  error: GatewayError,
  headers: Record<string, string> = {},
  protocol = 'openai-chat',
): Response =>
  respondUnread(request, renderedError(error, protocol), {
    status: error.status,
    headers: { 'content-type': 'application/json', ...commonHeaders, ...retryHeader(error), ...headers },
  })

/** The same without CORS headers, on a connection that ends: a web page that was refused may not read why. */
export const refusalResponse = (request: Request, error: GatewayError, headers: Record<string, string>): Response =>
  respondUnread(request, renderedError(error, 'openai-chat'), {
    status: error.status,
    headers: { 'content-type': 'application/json', connection: 'close', ...noSniff, ...headers },
  })

const retryHeader = ({ detail: { retryAfter } }: GatewayError): Record<string, string> =>
  retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }

const renderedError = (error: GatewayError, protocol: string): string =>
  JSON.stringify((protocols.get(protocol) ?? protocols.get('openai-chat')!).renderError(error))
