/**
 * A state machine for the answers of generateContent as documented: it throws at every deviation.
 * https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
 */

type Fields = Record<string, unknown>
export type Answer = {
  text: string
  thoughts: string
  signatures: string[]
  calls: { id: string | undefined; name: string; args: Fields }[]
  finish: string | undefined
  blocked: string | undefined
  usage: Fields | undefined
  chunks: number
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0
const fail = (what: string, where: unknown): never => {
  throw new Error(`${what}: ${JSON.stringify(where)?.slice(0, 400)}`)
}

const finishes = new Set(
  'FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL IMAGE_SAFETY UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS IMAGE_PROHIBITED_CONTENT NO_IMAGE IMAGE_RECITATION IMAGE_OTHER MODEL_ARMOR MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE CONTINUATION'.split(
    ' ',
  ),
)
/** A part has exactly one of these fields. */
const partKinds = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
]
/** Standard base64, or base64url. */
const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/

const emptyAnswer = (): Answer => ({
  text: '',
  thoughts: '',
  signatures: [],
  calls: [],
  finish: undefined,
  blocked: undefined,
  usage: undefined,
  chunks: 0,
})

/**
 * Reads server-sent events. A stream that the gateway `rendered` ends at its finish, has a responseId, and carries each
 * call once and complete. A vendor's stream may continue after a finish, may have no responseId, and may send a call in
 * pieces.
 */
export const readStream = (text: string, model: string, rendered = true): Answer => {
  if (!text.endsWith('\n\n')) fail('the stream does not end with a blank line', text.slice(-80))
  const frames = text.split('\n\n').slice(0, -1)
  return readChunks(
    frames.map(frame => {
      if (!frame.startsWith('data: ') || frame.includes('\n')) fail('a frame is not one line of data', frame)
      return JSON.parse(frame.slice(6))
    }),
    model,
    rendered,
  )
}

/** Reads the array of chunks that a stream without `alt=sse` is. */
export const readList = (text: string, model: string, rendered = true): Answer => {
  const chunks = JSON.parse(text) as unknown
  if (!Array.isArray(chunks)) return fail('no list', text.slice(0, 80))
  return readChunks(chunks, model, rendered)
}

export const readMessage = (body: unknown, model: string, rendered = true): Answer =>
  readChunks([body], model, rendered)

const readChunks = (chunks: unknown[], model: string, rendered: boolean): Answer => {
  const answer = emptyAnswer()
  let id: unknown
  for (const chunk of chunks) {
    if (!isFields(chunk)) return fail('a chunk is no object', chunk)
    if (chunk.error !== undefined) fail('an error in an answer', chunk)
    if (chunk.modelVersion !== undefined && chunk.modelVersion !== model) fail('modelVersion', chunk)
    if (rendered && (typeof chunk.responseId !== 'string' || chunk.responseId === '')) fail('responseId', chunk)
    id ??= chunk.responseId
    if (chunk.responseId !== id) fail('another responseId', [id, chunk.responseId])
    if (rendered && (answer.finish ?? answer.blocked) !== undefined) fail('a chunk after the finish', chunk)
    answer.chunks++
    readChunk(chunk, answer, rendered)
  }
  if ((answer.finish ?? answer.blocked) === undefined) fail('no finish', chunks.at(-1))
  return answer
}

const readChunk = (chunk: Fields, answer: Answer, rendered: boolean): void => {
  const { candidates = [], promptFeedback, usageMetadata } = chunk
  if (!Array.isArray(candidates)) return void fail('candidates', chunk)
  if (usageMetadata !== undefined) answer.usage = readUsage(usageMetadata)
  if (isFields(promptFeedback) && typeof promptFeedback.blockReason === 'string')
    answer.blocked = promptFeedback.blockReason
  for (const candidate of candidates) {
    if (!isFields(candidate)) return void fail('a candidate', chunk)
    const { index = 0, content, finishReason } = candidate
    if (index !== 0) fail('index', candidate)
    if (content !== undefined) readContent(content, answer, rendered)
    if (finishReason === undefined) continue
    if (!finishes.has(finishReason as string)) fail('finishReason', candidate)
    answer.finish = finishReason as string
  }
}

const readContent = (content: unknown, answer: Answer, rendered: boolean): void => {
  if (!isFields(content)) return void fail('content', content)
  const { parts, role } = content
  if (parts === undefined) return
  if (!Array.isArray(parts) || role !== 'model') return void fail('a content of the model', content)
  for (const part of parts) readPart(part, answer, rendered)
}

const readPart = (part: unknown, answer: Answer, rendered: boolean): void => {
  if (!isFields(part)) return void fail('a part', part)
  const presentKinds = partKinds.filter(kind => part[kind] !== undefined)
  if (presentKinds.length !== 1) fail('a part of one kind', part)
  const { thoughtSignature: signature, thought, text, functionCall: call } = part
  if (thought !== undefined && typeof thought !== 'boolean') fail('thought', part)
  if (signature !== undefined) {
    if (typeof signature !== 'string' || !base64.test(signature)) fail('thoughtSignature', part)
    answer.signatures.push(signature as string)
  }
  if (presentKinds[0] === 'text') {
    if (typeof text !== 'string') fail('text', part)
    answer[thought === true ? 'thoughts' : 'text'] += text as string
  }
  if (presentKinds[0] !== 'functionCall') return
  if (!rendered && isFields(call) && call.name === undefined) return
  if (!isFields(call) || typeof call.name !== 'string' || call.name === '') return void fail('a call', part)
  const { id, name, args = {} } = call
  if (!isFields(args)) return void fail('the arguments of a call', part)
  if (
    id !== undefined &&
    (typeof id !== 'string' || id === '' || (rendered && answer.calls.some(one => one.id === id)))
  )
    fail('the id of a call', part)
  answer.calls.push({ id: id as string | undefined, name, args })
}

/** Checks that the total is the sum of its four parts. */
const readUsage = (usage: unknown): Fields => {
  if (!isFields(usage)) return fail('usageMetadata', usage)
  const names = ['promptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount', 'toolUsePromptTokenCount']
  const counts = names.map(name => usage[name] ?? 0)
  if (![...counts, usage.totalTokenCount ?? 0].every(isCount)) fail('counts', usage)
  const sum = (counts as number[]).reduce((left, right) => left + right, 0)
  if (isCount(usage.totalTokenCount) && isCount(usage.candidatesTokenCount) && usage.totalTokenCount !== sum)
    fail('the total', usage)
  return usage
}
