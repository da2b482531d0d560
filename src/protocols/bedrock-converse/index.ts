/**
 * Converse, the common protocol for the models of AWS Bedrock.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html
 */
import type { Egress } from '../protocol.ts'
import { parseError } from './error.ts'
import { parseMessage } from './message.ts'
import { renderRequest } from './request.ts'
import { parseStream } from './stream.ts'
import { id } from './wire.ts'

export const bedrockConverse: Egress = {
  kind: 'chat',
  id,
  acceptsUrl: () => false,
  renderRequest,
  parseMessage,
  parseStream,
  parseError,
}
