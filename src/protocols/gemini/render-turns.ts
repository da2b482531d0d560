/** Turns → contents, in the order Gemini demands: the answers to the calls of a content stand all in the next one. */
import { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'
import type { Part, ToolCall, ToolResult, Turn } from '../../ir/chat.ts'
import type { Exchange } from '../protocol.ts'
import { vendorsId } from './parts/call-ids.ts'
import { argsObject } from './parts/function-args.ts'
import { renderResult } from './parts/function-response.ts'
import { fieldsFor, renderMedia, sentinel } from './parts/part.ts'
import { demandsSignatures } from './thinking.ts'

type Content = { role: string; parts: JsonObject[] }
type Setting = { model: string; exchange: Exchange }
type Placed = Turn & { path: string }

/** Every instruction of the system goes to the one place there is for them. */
export const renderTurns = (turns: readonly Turn[], model: string, exchange: Exchange): JsonObject => {
  const setting = { model, exchange }
  const placed = turns.map((turn, index) => ({ ...turn, path: `contents[${index}]` }))
  const contents = renderContents(
    placed.filter(({ role }) => role !== 'system'),
    setting,
  )
  if (demandsSignatures(model)) standIn(contents)
  const system = placed.filter(({ role }) => role === 'system')
  const begun = placed.findIndex(({ role }) => role !== 'system')
  for (const turn of begun < 0 ? [] : system.filter(turn => placed.indexOf(turn) > begun))
    exchange.loss(turn.path, 'an instruction amid the conversation stands before it here')
  const parts = system.flatMap(turn => renderParts(turn.parts, turn.path, setting))
  return { ...(parts.length > 0 && { systemInstruction: { parts } }), contents }
}

const renderContents = (turns: readonly Placed[], setting: Setting): Content[] => {
  const contents: Content[] = []
  let calls: ToolCall[] = []
  for (let at = 0; at < turns.length; ) {
    const { role } = turns[at]!
    let end = at + 1
    while (end < turns.length && turns[end]!.role === role) end++
    const run = turns.slice(at, end)
    if (role === 'assistant') {
      contents.push(...renderModel(run, setting))
      calls = callsIn(run)
    } else {
      contents.push(...renderUser(run, calls, setting))
      calls = []
    }
    at = end
  }
  return contents
}

const callsIn = (turns: readonly Turn[]): ToolCall[] =>
  turns.flatMap(({ parts }) => parts.filter(part => part.type === 'call'))

/** Calls of several turns in a row become those of one, for they are answered together. */
const renderModel = (run: readonly Placed[], setting: Setting): Content[] => {
  const contents = run
    .map(({ parts, path }) => ({ role: 'model', parts: renderParts(parts, path, setting) }))
    .filter(({ parts }) => parts.length > 0)
  const calling = contents.filter(({ parts }) => parts.some(part => 'functionCall' in part))
  return calling.length > 1 ? [{ role: 'model', parts: contents.flatMap(({ parts }) => parts) }] : contents
}

/** The answers first, in the order of the calls; then what the user says. */
const renderUser = (run: readonly Placed[], calls: readonly ToolCall[], setting: Setting): Content[] => {
  const answers = renderAnswers(run, calls, setting)
  const contents: Content[] = answers.length > 0 ? [{ role: 'user', parts: answers }] : []
  const answering = run.find(({ parts }) => parts.some(part => part.type === 'result'))
  for (const turn of run) {
    const parts = renderParts(
      turn.parts.filter(part => part.type !== 'result'),
      turn.path,
      setting,
    )
    if (turn === answering && contents.length === 1) contents[0]!.parts.push(...parts)
    else if (parts.length > 0) contents.push({ role: 'user', parts })
  }
  return contents
}

/** A call that nobody answered gets an answer that says so, an answer to no call becomes words: else the vendor refuses all of it. */
const renderAnswers = (
  run: readonly Placed[],
  calls: readonly ToolCall[],
  { model, exchange }: Setting,
): JsonObject[] => {
  const given: { result: ToolResult; path: string }[] = run.flatMap(({ parts, path }) =>
    parts.filter(part => part.type === 'result').map(result => ({ result, path })),
  )
  const answers: JsonObject[] = calls.flatMap(({ id: call, name }) => {
    const at = given.findIndex(({ result }) => result.id === call)
    const found = at < 0 ? undefined : given.splice(at, 1)[0]
    if (found === undefined) exchange.loss('functionResponse', `the call ${call} has no result`)
    const result = found?.result ?? unanswered(call)
    return renderResult(result, { name, id: vendorsId(call) }, { model, path: found?.path ?? 'contents', exchange })
  })
  const orphans = given.flatMap(({ result, path }): JsonObject[] => {
    exchange.loss(path, `the result ${result.id} answers no call and is told as text`)
    return renderParts(result.parts, path, { model, exchange })
  })
  return [...answers, ...orphans]
}

const unanswered = (call: string): ToolResult => ({
  type: 'result',
  id: call,
  failed: true,
  parts: [{ type: 'text', text: 'no result was given' }],
})

const renderParts = (parts: readonly Part[], path: string, setting: Setting): JsonObject[] =>
  parts.map((part, index) => renderPart(part, `${path}.parts[${index}]`, setting)).filter(part => part !== undefined)

const renderPart = (part: Part, path: string, { exchange }: Setting): JsonObject | undefined => {
  if (part.type === 'foreign') {
    const own = fieldsFor(part.seal, path, exchange)
    return Object.keys(own).length > 0 ? own : undefined
  }
  if (part.cache) exchange.loss(`${path}.cache`, 'this protocol caches by itself')
  if (part.type === 'result') return undefined
  const fields = fieldsFor(part.seal, path, exchange)
  if (part.type === 'call') return { functionCall: renderCall(part, path, exchange), ...fields }
  if (part.type === 'media') return 'fileData' in fields ? fields : { ...wireMedia(part, path, exchange), ...fields }
  if (part.text === '' && Object.keys(fields).length === 0) return undefined
  return { text: part.text, ...(part.type === 'reasoning' && { thought: true }), ...fields }
}

const renderCall = ({ id: call, name, args, custom }: ToolCall, path: string, { loss }: Exchange): JsonObject => {
  const value = custom ? { input: args } : argsObject(args)
  if (value === undefined) loss(path, 'arguments that are no object are sent as `input`')
  const own = vendorsId(call)
  return { ...(own !== undefined && { id: own }), name, args: value ?? { input: args } }
}

const wireMedia = (part: Extract<Part, { type: 'media' }>, path: string, { loss }: Exchange): JsonObject => {
  const told = renderMedia(part)
  if (told === undefined)
    throw new GatewayError('invalid_request', `${path}: a file of another vendor's cannot be sent to this one`, {
      param: path,
    })
  if (part.detail !== undefined && part.detail !== 'auto') loss(`${path}.detail`, 'this protocol has no such field')
  return told
}

/** The first call of each step of the current turn must be signed, by the vendor's own word for "not signed" where the client kept no signature. */
const standIn = (contents: readonly Content[]): void => {
  const asked = contents.findLastIndex(
    ({ role, parts }) => role === 'user' && parts.some(part => !('functionResponse' in part)),
  )
  for (const { role, parts } of contents.slice(Math.max(asked, 0))) {
    const call = role === 'model' ? parts.find(part => 'functionCall' in part) : undefined
    if (call) call.thoughtSignature ??= sentinel
  }
}
