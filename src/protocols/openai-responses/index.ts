/** Responses, for clients and vendors. https://platform.openai.com/docs/api-reference/responses */
import { renderError } from '../openai-chat/error.ts'
import { fileOwner } from '../openai-chat/media.ts'
import { vendorHeaders } from '../openai-chat/wire.ts'
import type { Protocol } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { parseError } from '../shared/vendor-error.ts'
import { acceptsUrl } from './media.ts'
import { parseMessage, renderMessage } from './message.ts'
import { passthrough, renderStreamError } from './passthrough.ts'
import { parseRequest, renderRequest } from './request.ts'
import { parseStream, renderStream } from './stream.ts'
import { checkRequest, reader, scopedFields } from './wire.ts'

export const openaiResponses: Protocol = {
  kind: 'chat',
  id: 'openai-responses',
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
  idPrefix: 'resp_',
  omittedFields: ['stop'],
  turnsField: 'input',
  reader,
  scopedFields,
  ...vendorHeaders,
  fileStore: fileOwner,
  passthrough,
}
