/**
 * Creates the protocols of OpenAI paths that are only passed through. https://platform.openai.com/docs/api-reference
 */
import type { ProtocolId } from '../../ir/chat.ts'
import { renderError } from '../openai-chat/error.ts'
import { renderStreamError } from '../openai-chat/passthrough.ts'
import { usageOption } from '../openai-chat/usage-option.ts'
import { vendorHeaders } from '../openai-chat/wire.ts'
import type { PassthroughProtocol } from '../protocol.ts'
import { parseError } from '../shared/vendor-error.ts'
import { completionsPath, passthroughFor } from './passthrough.ts'
import { createRequestCheck, reader, scopedFieldsOf } from './request.ts'

/**
 * `path` is the part of the URL after `/v1/`: `embeddings`, `images/generations`. Any path passes; requests to known
 * paths are also checked.
 */
export const openaiPass = (path: ProtocolId): PassthroughProtocol => {
  const scopedFields = scopedFieldsOf(path)
  return {
    kind: 'passthrough',
    id: path,
    checkRequest: createRequestCheck(path),
    renderError,
    renderStreamError,
    idPrefix: 'cmpl-',
    reader,
    ...(scopedFields && { scopedFields }),
    parseError,
    ...vendorHeaders,
    answersPlainText: path.startsWith('audio/'),
    ...(path === completionsPath && { usageOption }),
    passthrough: passthroughFor(path),
  }
}
