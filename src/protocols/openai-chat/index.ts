/** Chat Completions, for clients and vendors. https://platform.openai.com/docs/api-reference/chat */
import type { Protocol } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { parseError } from '../shared/vendor-error.ts'
import { renderError } from './error.ts'
import { acceptsUrl } from './media.ts'
import { parseMessage, renderMessage } from './message.ts'
import { passthrough, renderStreamError } from './passthrough.ts'
import { callReasoning } from './reasoning/restore-reasoning.ts'
import { parseRequest, renderRequest } from './request.ts'
import { parseStream, renderStream } from './stream.ts'
import { usageOption } from './usage-option.ts'
import { answerCount, checkRequest, reader, scopedFields, vendorHeaders, volatileFields } from './wire.ts'

export const openaiChat: Protocol = {
  kind: 'chat',
  id: 'openai-chat',
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
  idPrefix: 'chatcmpl-',
  deltaTraits: { textRetention: 'forgotten', volatileFields },
  omittedFields: ['stop'],
  turnsField: 'messages',
  answerCount,
  reader,
  scopedFields,
  ...vendorHeaders,
  usageOption,
  callReasoning,
  passthrough,
}
