/**
 * Pairs tool calls with their results. Vendors reject a conversation with an unanswered call, with a result that has no
 * call, or with anything between a call and its result. Clients send such conversations when a run was interrupted, a
 * history was truncated, or the user wrote while a tool ran.
 */
import type { Part, ToolResult, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/**
 * Turns of the model, and the turns that answer it before its next turn. System instructions may stand among either.
 */
type Round = { modelTurns: Turn[]; replies: Turn[] }

/**
 * Ensures that every call is answered before the next turn of the model: results follow their calls directly and in
 * call order, and other content comes after them. A call without a result gets a failed one. A result without a call
 * becomes text. Turns that already comply are returned unchanged.
 */
export const pairToolResults = (turns: readonly Turn[], loss: NoteLoss): Turn[] =>
  splitRounds(turns).flatMap(round => pairRound(round, loss))

const splitRounds = (turns: readonly Turn[]): Round[] => {
  let round: Round = { modelTurns: [], replies: [] }
  const rounds = [round]
  for (const turn of turns) {
    if (turn.role !== 'assistant') {
      round.replies.push(turn)
      continue
    }
    if (round.replies.some(isUserTurn)) {
      round = { modelTurns: [], replies: [] }
      rounds.push(round)
    }
    round.modelTurns.push(...round.replies.splice(0), turn)
  }
  return rounds
}

const isUserTurn = ({ role }: Turn): boolean => role === 'user'
const isCall = (part: Part) => part.type === 'call'
const isResult = (part: Part) => part.type === 'result'
const withoutResults = ({ parts }: Turn): Part[] => parts.filter(part => !isResult(part))

const pairRound = ({ modelTurns, replies }: Round, loss: NoteLoss): Turn[] => {
  const calls = [...new Set(modelTurns.flatMap(({ parts }) => parts.filter(isCall).map(({ id }) => id)))]
  const results = new Map<string, ToolResult>()
  const claimedReplies = replies.map(turn => claimResults(turn, calls, results, loss))
  const firstCalling = modelTurns.findIndex(({ parts }) => parts.some(isCall))
  const isPaired = firstCalling === -1 || (firstCalling === modelTurns.length - 1 && isInOrder(claimedReplies, calls))
  if (isPaired) return [...modelTurns, ...claimedReplies]
  const orderedResults = calls.map(call => results.get(call) ?? missingResult(call, loss))
  const callingTurns = modelTurns.slice(firstCalling).filter(({ role }) => role === 'assistant')
  const interjectedTurns = modelTurns.slice(firstCalling).filter(({ role }) => role !== 'assistant')
  const callingTurn =
    callingTurns.length === 1
      ? callingTurns[0]!
      : { ...callingTurns[0]!, parts: callingTurns.flatMap(({ parts }) => parts) }
  return [
    ...modelTurns.slice(0, firstCalling),
    callingTurn,
    ...withResultsFirst([...interjectedTurns, ...claimedReplies], orderedResults),
  ]
}

/** Returns the turn unchanged if each of its results answers a call. */
const claimResults = (turn: Turn, calls: readonly string[], results: Map<string, ToolResult>, loss: NoteLoss): Turn => {
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

const isInOrder = (replies: readonly Turn[], calls: readonly string[]): boolean => {
  const parts = replies.flatMap(turn => turn.parts.filter(({ type }) => type !== 'foreign'))
  return calls.every((call, at) => parts[at]?.type === 'result' && parts[at].id === call)
}

/**
 * The user's content before or beside a result follows it in the same turn. A turn with a speaker name stays separate.
 */
const withResultsFirst = (replies: readonly Turn[], results: readonly ToolResult[]): Turn[] => {
  const last = replies.findLastIndex(({ parts }) => parts.some(isResult))
  const end = last < 0 ? replies.findIndex(isUserTurn) : last
  const isMerged = (turn: Turn, at: number): boolean => at <= end && isUserTurn(turn) && turn.name === undefined
  const userParts = replies.filter(isMerged).flatMap(withoutResults)
  const others = replies
    .filter((turn, at) => !isMerged(turn, at))
    .map(turn => ({ ...turn, parts: withoutResults(turn) }))
  return [{ role: 'user', parts: [...results, ...userParts] }, ...others]
}

const missingResult = (call: string, loss: NoteLoss): ToolResult => {
  loss(`calls.${call}`, 'it has no result and is answered with a failure')
  return { type: 'result', id: call, failed: true, parts: [{ type: 'text', text: 'This call has no result.' }] }
}
