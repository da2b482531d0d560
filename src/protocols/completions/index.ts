/**
 * The legacy Completions API for clients: passed through to vendors that support it, translated to a chat for all
 * others.
 * https://platform.openai.com/docs/api-reference/completions
 */

import { answerCount } from '../openai-chat/wire.ts'
import { openaiPass } from '../openai-pass/index.ts'
import type { Ingress } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { parseRequest, reader, splitRequest } from './request.ts'
import { answerFrames, joinAnswers, renderMessage, renderStream } from './stream-encoder.ts'

export const completions: Ingress = {
  ...openaiPass('completions'),
  kind: 'chat',
  parseRequest,
  renderMessage,
  renderStream,
  renderFrame,
  deltaTraits: { textRetention: 'forgotten' },
  omittedFields: ['stop'],
  turnsField: 'prompt',
  answerCount,
  reader,
  batch: { split: splitRequest, join: joinAnswers, frames: answerFrames },
}
