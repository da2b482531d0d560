/** The Messages protocol, for clients and for vendors. https://platform.claude.com/docs/en/api/messages */

import type { Protocol } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { parseError, renderError } from './error.ts'
import { headers } from './headers.ts'
import { acceptsUrl } from './media.ts'
import { parseMessage, renderMessage } from './message.ts'
import { passthrough, renderStreamError } from './passthrough.ts'
import { parseRequest, renderRequest } from './request.ts'
import { parseStream, renderStream } from './stream.ts'
import { checkRequest, id, reader, scopedFields } from './wire.ts'

export const anthropic: Protocol = {
  kind: 'chat',
  id,
  acceptsUrl,
  checkRequest,
  parseRequest,
  renderRequest,
  parseMessage,
  renderMessage,
  parseStream,
  renderStream,
  parseError,
  renderError,
  renderStreamError,
  renderFrame,
  heartbeat: 'event: ping\ndata: {"type": "ping"}\n\n',
  idPrefix: 'msg_',
  deltaTraits: { textRetention: 'forgotten' },
  turnsField: 'messages',
  mayNameUrls: text => text.includes('"url"'),
  reader,
  scopedFields,
  headers,
  requestIdHeader: 'request-id',
  responseHeaders: ['anthropic-ratelimit-*'],
  passthrough,
}
