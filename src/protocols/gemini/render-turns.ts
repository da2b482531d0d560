/** Turns → contents. Gemini requires all results of a content's calls to be in the next content. */
import { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'
import type { Part, ToolCall, ToolResult, Turn } from '../../ir/chat.ts'
import type { Exchange } from '../protocol.ts'
import { vendorCallId } from './parts/call-ids.ts'
import { argsObject } from './parts/function-args.ts'
import { renderResult } from './parts/function-response.ts'
import { renderMedia, sealFields, sentinel } from './parts/part.ts'
import { requiresSignatures } from './thinking.ts'

type Content = { role: string; parts: JsonObject[] }
type TurnContext = { model: string; exchange: Exchange }
type TurnWithPath = Turn & { path: string }

/** Renders the conversation. All system turns are merged into `systemInstruction`. */
export const renderTurns = (turns: readonly Turn[], model: string, exchange: Exchange): JsonObject => {
  const context = { model, exchange }
  const turnsWithPath = turns.map((turn, index) => ({ ...turn, path: `contents[${index}]` }))
  const contents = renderContents(
    turnsWithPath.filter(({ role }) => role !== 'system'),
    context,
  )
  if (requiresSignatures(model)) addMissingSignatures(contents)
  const system = turnsWithPath.filter(({ role }) => role === 'system')
  const firstNonSystem = turnsWithPath.findIndex(({ role }) => role !== 'system')
  for (const turn of firstNonSystem < 0 ? [] : system.filter(turn => turnsWithPath.indexOf(turn) > firstNonSystem))
    exchange.loss(turn.path, 'an instruction amid the conversation stands before it here')
  const parts = system.flatMap(turn => renderParts(turn.parts, turn.path, context))
  return { ...(parts.length > 0 && { systemInstruction: { parts } }), contents }
}

const renderContents = (turns: readonly TurnWithPath[], context: TurnContext): Content[] => {
  const contents: Content[] = []
  let calls: ToolCall[] = []
  for (let at = 0; at < turns.length; ) {
    const { role } = turns[at]!
    let end = at + 1
    while (end < turns.length && turns[end]!.role === role) end++
    const run = turns.slice(at, end)
    if (role === 'assistant') {
      contents.push(...renderModel(run, context))
      calls = callsIn(run)
    } else {
      contents.push(...renderUser(run, calls, context))
      calls = []
    }
    at = end
  }
  return contents
}

const callsIn = (turns: readonly Turn[]): ToolCall[] =>
  turns.flatMap(({ parts }) => parts.filter(part => part.type === 'call'))

/** Calls of consecutive turns are merged into one content, because they are answered together. */
const renderModel = (run: readonly TurnWithPath[], context: TurnContext): Content[] => {
  const contents = run
    .map(({ parts, path }) => ({ role: 'model', parts: renderParts(parts, path, context) }))
    .filter(({ parts }) => parts.length > 0)
  const withCalls = contents.filter(({ parts }) => parts.some(part => 'functionCall' in part))
  return withCalls.length > 1 ? [{ role: 'model', parts: contents.flatMap(({ parts }) => parts) }] : contents
}

/** Renders the results first, in the order of their calls, then the user's other parts. */
const renderUser = (run: readonly TurnWithPath[], calls: readonly ToolCall[], context: TurnContext): Content[] => {
  const responses = renderResults(run, calls, context)
  const contents: Content[] = responses.length > 0 ? [{ role: 'user', parts: responses }] : []
  const resultTurn = run.find(({ parts }) => parts.some(part => part.type === 'result'))
  for (const turn of run) {
    const parts = renderParts(
      turn.parts.filter(part => part.type !== 'result'),
      turn.path,
      context,
    )
    if (turn === resultTurn && contents.length === 1) contents[0]!.parts.push(...parts)
    else if (parts.length > 0) contents.push({ role: 'user', parts })
  }
  return contents
}

/**
 * Adds a failed result for a call without one, and renders a result without a call as text. Otherwise the vendor would
 * refuse the request.
 */
const renderResults = (
  run: readonly TurnWithPath[],
  calls: readonly ToolCall[],
  { model, exchange }: TurnContext,
): JsonObject[] => {
  const results: { result: ToolResult; path: string }[] = run.flatMap(({ parts, path }) =>
    parts.filter(part => part.type === 'result').map(result => ({ result, path })),
  )
  const responses: JsonObject[] = calls.flatMap(({ id: call, name }) => {
    const at = results.findIndex(({ result }) => result.id === call)
    const found = at < 0 ? undefined : results.splice(at, 1)[0]
    if (found === undefined) exchange.loss('functionResponse', `the call ${call} has no result`)
    const result = found?.result ?? missingResult(call)
    return renderResult(result, { name, id: vendorCallId(call) }, { model, path: found?.path ?? 'contents', exchange })
  })
  const orphans = results.flatMap(({ result, path }): JsonObject[] => {
    exchange.loss(path, `the result ${result.id} answers no call and is told as text`)
    return renderParts(result.parts, path, { model, exchange })
  })
  return [...responses, ...orphans]
}

const missingResult = (call: string): ToolResult => ({
  type: 'result',
  id: call,
  failed: true,
  parts: [{ type: 'text', text: 'no result was given' }],
})

const renderParts = (parts: readonly Part[], path: string, context: TurnContext): JsonObject[] =>
  parts.map((part, index) => renderPart(part, `${path}.parts[${index}]`, context)).filter(part => part !== undefined)

const renderPart = (part: Part, path: string, { exchange }: TurnContext): JsonObject | undefined => {
  if (part.type === 'foreign') {
    const fields = sealFields(part.seal, path, exchange)
    return Object.keys(fields).length > 0 ? fields : undefined
  }
  if (part.cache) exchange.loss(`${path}.cache`, 'this protocol caches by itself')
  if (part.type === 'result') return undefined
  const fields = sealFields(part.seal, path, exchange)
  if (part.type === 'call') return { functionCall: renderCall(part, path, exchange), ...fields }
  if (part.type === 'media')
    return 'fileData' in fields ? fields : { ...renderMediaPart(part, path, exchange), ...fields }
  if (part.text === '' && Object.keys(fields).length === 0) return undefined
  return { text: part.text, ...(part.type === 'reasoning' && { thought: true }), ...fields }
}

const renderCall = ({ id: call, name, args, custom }: ToolCall, path: string, { loss }: Exchange): JsonObject => {
  const value = custom ? { input: args } : argsObject(args)
  if (value === undefined) loss(path, 'arguments that are no object are sent as `input`')
  const vendorId = vendorCallId(call)
  return { ...(vendorId !== undefined && { id: vendorId }), name, args: value ?? { input: args } }
}

const renderMediaPart = (part: Extract<Part, { type: 'media' }>, path: string, { loss }: Exchange): JsonObject => {
  const rendered = renderMedia(part)
  if (rendered === undefined)
    throw new GatewayError('invalid_request', `${path}: a file of another vendor's cannot be sent to this one`, {
      param: path,
    })
  if (part.detail !== undefined && part.detail !== 'auto') loss(`${path}.detail`, 'this protocol has no such field')
  return rendered
}

/**
 * The first call of each step of the current turn must be signed. Where the client kept no signature, the vendor's
 * placeholder is used.
 */
const addMissingSignatures = (contents: readonly Content[]): void => {
  const currentTurn = contents.findLastIndex(
    ({ role, parts }) => role === 'user' && parts.some(part => !('functionResponse' in part)),
  )
  for (const { role, parts } of contents.slice(Math.max(currentTurn, 0))) {
    const call = role === 'model' ? parts.find(part => 'functionCall' in part) : undefined
    if (call) call.thoughtSignature ??= sentinel
  }
}
