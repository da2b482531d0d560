/**
 * Calls and their results. Vendors refuse a conversation in which a call was never answered, or something is answered that was never called,
 * or anything stands between a call and its result: clients send such ones when a run was broken off, a history was cut, or the user spoke
 * while a tool ran.
 */
import type { Part, ToolResult, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/** What the model said, and what it heard before it spoke again. Instructions of the system may stand amid either. */
type Round = { said: Turn[]; heard: Turn[] }

/**
 * Every call is answered before the model speaks again: the results stand right behind their calls and in their order, other words after them.
 * One without a result gets a failed one, a result without its call is told as text. Turns that are so already stay as they are.
 */
export const pairToolResults = (turns: readonly Turn[], loss: NoteLoss): Turn[] =>
  roundsOf(turns).flatMap(round => settle(round, loss))

const roundsOf = (turns: readonly Turn[]): Round[] => {
  let round: Round = { said: [], heard: [] }
  const rounds = [round]
  for (const turn of turns) {
    if (turn.role !== 'assistant') {
      round.heard.push(turn)
      continue
    }
    if (round.heard.some(isUsers)) {
      round = { said: [], heard: [] }
      rounds.push(round)
    }
    round.said.push(...round.heard.splice(0), turn)
  }
  return rounds
}

const isUsers = ({ role }: Turn): boolean => role === 'user'
const isCall = (part: Part) => part.type === 'call'
const isResult = (part: Part) => part.type === 'result'
const withoutResults = ({ parts }: Turn): Part[] => parts.filter(part => !isResult(part))

const settle = ({ said, heard }: Round, loss: NoteLoss): Turn[] => {
  const calls = [...new Set(said.flatMap(({ parts }) => parts.filter(isCall).map(({ id }) => id)))]
  const results = new Map<string, ToolResult>()
  const told = heard.map(turn => takeResults(turn, calls, results, loss))
  const begin = said.findIndex(({ parts }) => parts.some(isCall))
  const isSound = begin === -1 || (begin === said.length - 1 && isInOrder(told, calls))
  if (isSound) return [...said, ...told]
  const answers = calls.map(call => results.get(call) ?? unanswered(call, loss))
  const calling = said.slice(begin).filter(({ role }) => role === 'assistant')
  const between = said.slice(begin).filter(({ role }) => role !== 'assistant')
  const speech = calling.length === 1 ? calling[0]! : { ...calling[0]!, parts: calling.flatMap(({ parts }) => parts) }
  return [...said.slice(0, begin), speech, ...answered([...between, ...told], answers)]
}

/** The turn itself where each result in it answers a call. */
const takeResults = (turn: Turn, calls: readonly string[], results: Map<string, ToolResult>, loss: NoteLoss): Turn => {
  const parts = turn.parts.flatMap((part): Part[] => {
    if (part.type !== 'result') return [part]
    if (calls.includes(part.id) && !results.has(part.id)) {
      results.set(part.id, part)
      return [part]
    }
    loss(`results.${part.id}`, 'it answers no call and is told as text')
    return [{ type: 'text', text: `Result of the call ${part.id}:` }, ...part.parts]
  })
  return parts.length === turn.parts.length && parts.every((part, at) => part === turn.parts[at])
    ? turn
    : { ...turn, parts }
}

const isInOrder = (heard: readonly Turn[], calls: readonly string[]): boolean => {
  const parts = heard.flatMap(turn => turn.parts.filter(({ type }) => type !== 'foreign'))
  return calls.every((call, at) => parts[at]?.type === 'result' && parts[at].id === call)
}

/** What the user says beside a result, or before it, follows in the same turn; a speaker with a name keeps a turn of their own. */
const answered = (heard: readonly Turn[], answers: readonly ToolResult[]): Turn[] => {
  const last = heard.findLastIndex(({ parts }) => parts.some(isResult))
  const end = last < 0 ? heard.findIndex(isUsers) : last
  const joins = (turn: Turn, at: number): boolean => at <= end && isUsers(turn) && turn.name === undefined
  const words = heard.filter(joins).flatMap(withoutResults)
  const others = heard.filter((turn, at) => !joins(turn, at)).map(turn => ({ ...turn, parts: withoutResults(turn) }))
  return [{ role: 'user', parts: [...answers, ...words] }, ...others]
}

const unanswered = (call: string, loss: NoteLoss): ToolResult => {
  loss(`calls.${call}`, 'it has no result and is answered with a failure')
  return { type: 'result', id: call, failed: true, parts: [{ type: 'text', text: 'This call has no result.' }] }
}
