/**
 * Gemini's generateContent and streamGenerateContent, for clients and for vendors.
 * https://ai.google.dev/api/generate-content
 */
import type { Protocol } from '../protocol.ts'
import { parseError, renderError } from './error.ts'
import { parseMessage, renderMessage } from './message.ts'
import { id } from './parts/part.ts'
import { heartbeat, passthrough, renderFrame, renderStreamError } from './passthrough.ts'
import { parseRequest, renderRequest } from './request.ts'
import { parseStream, renderStream } from './stream.ts'
import { answerCount, checkRequest, reader, scopedFields, volatileFields } from './wire.ts'

export const gemini: Protocol = {
  kind: 'chat',
  id,
  acceptsUrl: () => false,
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
  heartbeat,
  idPrefix: '',
  deltaTraits: { textRetention: 'gathered', volatileFields },
  omittedFields: ['stop', 'cacheWrite'],
  turnsField: 'contents',
  answerCount,
  reader,
  scopedFields,
  passthrough,
}
