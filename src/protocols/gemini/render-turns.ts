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
/** `callNames`: the names of the calls so far, by id. */
type TurnContext = { model: string; exchange: Exchange; callNames: Map<string, string> }
type TurnWithPath = Turn & { path: string }

/** Renders the conversation, whose calls and results are paired. All system turns are merged into `systemInstruction`. */
export const renderTurns = (turns: readonly Turn[], model: string, exchange: Exchange): JsonObject => {
  const context = { model, exchange, callNames: new Map<string, string>() }
  const turnsWithPath = turns.map((turn, index) => ({ ...turn, path: `contents[${index}]` }))
  const contents = renderContents(
    turnsWithPath.filter(({ role }) => role !== 'system'),
    context,
  )
  if (requiresSignatures(model)) addMissingSignatures(contents)
  const firstNonSystem = turnsWithPath.findIndex(({ role }) => role !== 'system')
  const systemParts = turnsWithPath.flatMap(({ role, parts, path }, index) => {
    if (role !== 'system') return []
    if (firstNonSystem >= 0 && index > firstNonSystem)
      exchange.loss(path, 'a system message inside the conversation is moved before it')
    return renderParts(parts, path, context)
  })
  return { ...(systemParts.length > 0 && { systemInstruction: { parts: systemParts } }), contents }
}

const renderContents = (turns: readonly TurnWithPath[], context: TurnContext): Content[] => {
  const contents: Content[] = []
  for (let at = 0; at < turns.length; ) {
    const { role } = turns[at]!
    let end = at + 1
    while (end < turns.length && turns[end]!.role === role) end++
    const run = turns.slice(at, end)
    for (const content of role === 'assistant' ? renderModel(run, context) : renderUser(run, context))
      contents.push(content)
    at = end
  }
  return contents
}

const renderModel = (run: readonly TurnWithPath[], context: TurnContext): Content[] =>
  run
    .map(({ parts, path }) => {
      for (const part of parts) if (part.type === 'call') context.callNames.set(part.id, part.name)
      return { role: 'model', parts: renderParts(parts, path, context) }
    })
    .filter(({ parts }) => parts.length > 0)

/** Renders all results of a run in its first content, then the other parts of the turn with the first result. */
const renderUser = (run: readonly TurnWithPath[], context: TurnContext): Content[] => {
  const responses = run.flatMap(({ parts, path }) =>
    parts.flatMap(part => (part.type === 'result' ? renderResponse(part, path, context) : [])),
  )
  const contents: Content[] = responses.length > 0 ? [{ role: 'user', parts: responses }] : []
  const resultTurn = run.find(({ parts }) => parts.some(part => part.type === 'result'))
  for (const turn of run) {
    const parts = renderParts(
      turn.parts.filter(part => part.type !== 'result'),
      turn.path,
      context,
    )
    if (turn === resultTurn) for (const part of parts) responses.push(part)
    else if (parts.length > 0) contents.push({ role: 'user', parts })
  }
  return contents
}

const renderResponse = (
  result: ToolResult,
  path: string,
  { model, exchange, callNames }: TurnContext,
): JsonObject[] => {
  const call = { name: callNames.get(result.id) ?? '', id: vendorCallId(result.id) }
  return renderResult(result, call, { model, path, exchange })
}

const renderParts = (parts: readonly Part[], path: string, context: TurnContext): JsonObject[] =>
  parts.map((part, index) => renderPart(part, `${path}.parts[${index}]`, context)).filter(part => part !== undefined)

const renderPart = (part: Part, path: string, { exchange }: TurnContext): JsonObject | undefined => {
  if (part.type === 'foreign') {
    const fields = sealFields(part.seal, path, exchange)
    return Object.keys(fields).length > 0 ? fields : undefined
  }
  if (part.cache) exchange.loss(`${path}.cache`, 'this protocol caches automatically')
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
  if (value === undefined) loss(path, 'arguments that are not an object are sent in `input`')
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
