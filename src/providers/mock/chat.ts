/** OpenAI Chat Completions and Completions of the mock, complete and streamed. */
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Behaviour } from './behaviour.ts'
import { type MockReply, messagesIn, replyTo, textOf } from './reply.ts'
import { created, MockError, sendJson, sendStream } from './respond.ts'
import { cutAtStop, hexHash, tokensOf, truncate } from './text.ts'

/** Answers a request to one endpoint. `model` is the name that the response carries. */
export type MockEndpoint = (body: JsonObject, model: string, behaviour: Behaviour, signal: AbortSignal) => Response

const maxChoices = 128

/**
 * The number of choices.
 * @throws MockError if `n` is not a number that a server would accept
 */
export const choicesIn = ({ n }: JsonObject): number => {
  if (n == null) return 1
  if (typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= maxChoices) return n
  throw new MockError(400, `n must be a whole number from 1 to ${maxChoices}`, 'n')
}

const utf8Bytes = (token: string): number[] => [...new TextEncoder().encode(token)]

/** Every token has a probability of about 90 %. Its alternatives are derived from it. */
const logprobOf = (token: string, topLogprobs: Json | undefined): JsonObject => {
  const count = typeof topLogprobs === 'number' ? Math.min(Math.max(topLogprobs, 0), 20) : 0
  const ranked = Array.from({ length: count }, (_, at) => (at === 0 ? token : `${token.trim()}${at}`))
  const top = ranked.map((candidate, at) => ({ token: candidate, logprob: -0.1 - at * 2, bytes: utf8Bytes(candidate) }))
  return { token, logprob: -0.1, bytes: utf8Bytes(token), top_logprobs: top }
}

const logprobsOf = (body: JsonObject, tokens: string[]): Json =>
  body['logprobs'] === true
    ? { content: tokens.map(token => logprobOf(token, body['top_logprobs'])), refusal: null }
    : null

const outputTokens = ({ reasoning, text, calls }: MockReply): number =>
  reasoning.length + text.length + calls.reduce((sum, { args }) => sum + args.length, 0)

const usageOf = (input: number, output: number, reasoning: number): JsonObject => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: reasoning },
})

const usageFor = (body: JsonObject, replies: MockReply[]): JsonObject => {
  const input = messagesIn(body).reduce((sum, { content }) => sum + tokensOf(textOf(content)).length + 1, 0)
  const output = replies.reduce((sum, reply) => sum + outputTokens(reply), 0)
  return usageOf(
    input,
    output,
    replies.reduce((sum, { reasoning }) => sum + reasoning.length, 0),
  )
}

const messageOf = ({ reasoning, text, calls }: MockReply): JsonObject => ({
  role: 'assistant',
  content: calls.length > 0 ? null : text.join(''),
  refusal: null,
  ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
  ...(calls.length > 0 && {
    tool_calls: calls.map(({ id, name, args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args.join('') },
    })),
  }),
})

/** The deltas of one reply. A delta with text also carries its token. */
const deltasOf = ({ reasoning, text, calls }: MockReply): { delta: JsonObject; token?: string }[] => [
  { delta: { role: 'assistant', content: calls.length > 0 ? null : '' } },
  ...reasoning.map(token => ({ delta: { reasoning_content: token } })),
  ...text.map(token => ({ delta: { content: token }, token })),
  ...calls.flatMap(({ id, name, args }, index) => [
    { delta: { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] } },
    ...args.map(chunk => ({ delta: { tool_calls: [{ index, function: { arguments: chunk } }] } })),
  ]),
]

const wantsUsage = ({ stream_options: options }: JsonObject): boolean =>
  isObject(options) && options['include_usage'] === true

/**
 * Puts each choice of a stream into its own frame. If usage was requested, every frame has `usage`, null until the
 * last.
 */
const withEnvelope = (envelope: JsonObject, choices: Json[], usage: JsonObject | undefined): Json[] => {
  const frames = choices.map(choice => ({ ...envelope, choices: [choice], ...(usage && { usage: null }) }))
  return usage ? [...frames, { ...envelope, choices: [], usage }] : frames
}

export const chat: MockEndpoint = (body, model, behaviour, signal) => {
  const replies = Array.from({ length: choicesIn(body) }, (_, at) => replyTo(body, behaviour, at))
  const usage = usageFor(body, replies)
  const id = `chatcmpl-mock${hexHash(JSON.stringify(body))}`
  if (body['stream'] !== true) {
    const choices = replies.map((reply, index) => ({
      index,
      message: messageOf(reply),
      logprobs: logprobsOf(body, reply.text),
      finish_reason: reply.finish,
    }))
    return sendJson({ id, object: 'chat.completion', created, model, choices, usage }, behaviour, signal)
  }
  const choices = replies.flatMap((reply, index) => [
    ...deltasOf(reply).map(({ delta, token }) => ({
      index,
      delta,
      logprobs: token === undefined ? null : logprobsOf(body, [token]),
      finish_reason: null,
    })),
    { index, delta: {}, logprobs: null, finish_reason: reply.finish },
  ])
  const envelope = { id, object: 'chat.completion.chunk', created, model }
  return sendStream(withEnvelope(envelope, choices, wantsUsage(body) ? usage : undefined), behaviour, signal)
}

/** A prompt may be a text, an array of tokens, or a list of either. */
const promptsIn = ({ prompt }: JsonObject): string[] => {
  const list = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt : [prompt ?? '']
  return list.map(item => (Array.isArray(item) ? `${item.length} tokens` : String(item)))
}

const completionOf = (body: JsonObject, prompt: string): { tokens: string[]; finish: string } => {
  const text = `${body['echo'] === true ? prompt : ''}You said: "${truncate(prompt)}".`
  const tokens = tokensOf(cutAtStop(text, body['stop']))
  const limit = typeof body['max_tokens'] === 'number' ? body['max_tokens'] : tokens.length
  return { tokens: tokens.slice(0, limit), finish: tokens.length > limit ? 'length' : 'stop' }
}

export const completions: MockEndpoint = (body, model, behaviour, signal) => {
  const prompts = promptsIn(body)
  const count = choicesIn(body)
  const results = prompts.flatMap(prompt => Array.from({ length: count }, () => completionOf(body, prompt)))
  const input = prompts.reduce((sum, prompt) => sum + tokensOf(prompt).length, 0)
  const usage = usageOf(
    input,
    results.reduce((sum, { tokens }) => sum + tokens.length, 0),
    0,
  )
  const envelope = { id: `cmpl-mock${hexHash(JSON.stringify(body))}`, object: 'text_completion', created, model }
  const choice = (text: string, index: number, finish: string | null) => ({
    text,
    index,
    logprobs: null,
    finish_reason: finish,
  })
  if (body['stream'] !== true) {
    const choices = results.map(({ tokens, finish }, index) => choice(tokens.join(''), index, finish))
    return sendJson({ ...envelope, choices, usage }, behaviour, signal)
  }
  const choices = results.flatMap(({ tokens, finish }, index) => [
    ...tokens.map(token => choice(token, index, null)),
    choice('', index, finish),
  ])
  return sendStream(withEnvelope(envelope, choices, wantsUsage(body) ? usage : undefined), behaviour, signal)
}
