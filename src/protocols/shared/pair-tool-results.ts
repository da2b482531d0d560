/**
 * Pairs tool calls with their results. Vendors reject a conversation with an unanswered call, with a result that has no
 * call, or with anything between a call and its result. Clients send such conversations when a run was interrupted, a
 * history was truncated, or the user wrote while a tool ran.
 *
 * The gateway repairs every chat that it translates into another protocol. A protocol whose vendors accept nothing else
 * also repairs what it renders for itself, with the rules of its wire. The others leave their own clients' requests as
 * they are: a call may be stored at the vendor, and some vendors match results by position.
 */
import type { Part, ToolResult, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/** What a wire format requires of results. */
export type ResultRules = {
  /**
   * Consecutive turns of the user become one message of the wire, or their results do. So a part that only one protocol
   * knows may not precede a result either. By default such a part stays where it is: it may hold fields of its message.
   */
  foreignPartsFollow?: boolean
}

/**
 * Turns of the model, and the turns that answer it before its next turn. System instructions may stand among either.
 */
type Round = { modelTurns: Turn[]; replies: Turn[] }

/**
 * Ensures that every call is answered before the next turn of the model: results follow their calls directly and in
 * call order, and other content comes after them. A call without a result gets a failed one. A result without a call
 * becomes text. An id that several calls of a round share is answered once for each of them. Turns that already comply
 * are returned unchanged. Takes time linear in the number of parts.
 */
export const pairToolResults = (turns: readonly Turn[], loss: NoteLoss, rules: ResultRules = {}): Turn[] =>
  splitRounds(turns).flatMap(round => pairRound(withResultsInReplies(round), rules, loss))

const splitRounds = (turns: readonly Turn[]): Round[] => {
  let round: Round = { modelTurns: [], replies: [] }
  const rounds = [round]
  let hasReply = false
  for (const turn of turns) {
    if (turn.role !== 'assistant') {
      round.replies.push(turn)
      hasReply ||= isUserTurn(turn)
      continue
    }
    if (hasReply) {
      round = { modelTurns: [], replies: [] }
      rounds.push(round)
      hasReply = false
    }
    for (const interjected of round.replies) round.modelTurns.push(interjected)
    round.replies = []
    round.modelTurns.push(turn)
  }
  return rounds
}

const isUserTurn = ({ role }: Turn): boolean => role === 'user'
const isCall = (part: Part) => part.type === 'call'
const isResult = (part: Part) => part.type === 'result'
const withoutResults = ({ parts }: Turn): Part[] => parts.filter(part => !isResult(part))

/** Only the user answers calls: a result in a turn of the model moves to the replies. */
const withResultsInReplies = ({ modelTurns, replies }: Round): Round => {
  const misplaced = modelTurns.flatMap(({ parts }) => parts.filter(isResult))
  if (misplaced.length === 0) return { modelTurns, replies }
  const remaining = modelTurns.map(turn => ({ ...turn, parts: withoutResults(turn) }))
  return {
    modelTurns: remaining.filter(({ parts }) => parts.length > 0),
    replies: [{ role: 'user', parts: misplaced }, ...replies],
  }
}

const pairRound = ({ modelTurns, replies }: Round, rules: ResultRules, loss: NoteLoss): Turn[] => {
  const calls = modelTurns.flatMap(({ parts }) => parts.filter(isCall).map(({ id }) => id))
  const results = new ResultsOfRound(calls)
  const claimedReplies = replies.map(turn => results.claim(turn, loss))
  const firstCalling = modelTurns.findIndex(({ parts }) => parts.some(isCall))
  const isPaired =
    firstCalling === -1 || (firstCalling === modelTurns.length - 1 && isInOrder(claimedReplies, calls, rules))
  if (isPaired) return [...modelTurns, ...claimedReplies]
  const orderedResults = calls.map(call => results.take(call) ?? missingResult(call, loss))
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

/** The results that answer the calls of a round, by the id of the call. */
class ResultsOfRound {
  /** How many calls with an id have no result yet. */
  readonly #unanswered = new Map<string, number>()
  /** The results of an id, and how many of them were taken. */
  readonly #claimed = new Map<string, { results: ToolResult[]; taken: number }>()

  constructor(calls: readonly string[]) {
    for (const call of calls) this.#unanswered.set(call, (this.#unanswered.get(call) ?? 0) + 1)
  }

  /** Keeps the results in a turn that answer a call, and makes the others text. Returns a turn of the former unchanged. */
  claim(turn: Turn, loss: NoteLoss): Turn {
    let hasOrphans = false
    const parts = turn.parts.flatMap((part): Part[] => {
      if (part.type !== 'result' || this.#answers(part)) return [part]
      hasOrphans = true
      loss(`results.${part.id}`, 'it has no matching call and is sent as text')
      return [{ type: 'text', text: `Result of the call ${part.id}:` }, ...part.parts]
    })
    return hasOrphans ? { ...turn, parts } : turn
  }

  #answers(result: ToolResult): boolean {
    const unanswered = this.#unanswered.get(result.id) ?? 0
    if (unanswered === 0) return false
    this.#unanswered.set(result.id, unanswered - 1)
    const claimed = this.#claimed.get(result.id)
    if (claimed) claimed.results.push(result)
    else this.#claimed.set(result.id, { results: [result], taken: 0 })
    return true
  }

  /** Takes the next result of an id, in the order in which they were claimed. */
  take(call: string): ToolResult | undefined {
    const claimed = this.#claimed.get(call)
    return claimed?.results[claimed.taken++]
  }
}

/** Whether the replies begin with the results of the calls, one for each. */
const isInOrder = (
  replies: readonly Turn[],
  calls: readonly string[],
  { foreignPartsFollow }: ResultRules,
): boolean => {
  let answered = 0
  for (const { parts } of replies)
    for (const part of parts) {
      if (answered === calls.length) return true
      if (part.type === 'foreign' && !foreignPartsFollow) continue
      if (part.type !== 'result' || part.id !== calls[answered]) return false
      answered++
    }
  return answered === calls.length
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
  loss(`calls.${call}`, 'it has no result and gets an error as its result')
  return { type: 'result', id: call, failed: true, parts: [{ type: 'text', text: 'This call has no result.' }] }
}
