/** The OpenAI paths that only pass: a factory by path. https://platform.openai.com/docs/api-reference */
import type { ProtocolId } from '../../ir/chat.ts'
import { renderError } from '../openai-chat/error.ts'
import { renderStreamError } from '../openai-chat/passthrough.ts'
import type { PassthroughProtocol } from '../protocol.ts'
import { parseError } from '../shared/vendor-error.ts'
import { passthroughFor } from './passthrough.ts'
import { createRequestCheck } from './request.ts'

/** `path` is what follows `/v1/`: `embeddings`, `images/generations`. Any path passes; those that are known are also checked. */
export const openaiPass = (path: ProtocolId): PassthroughProtocol => ({
  id: path,
  checkRequest: createRequestCheck(path),
  renderError,
  renderStreamError,
  idPrefix: 'cmpl-',
  parseError,
  passthrough: passthroughFor(path),
})
