/**
 * What a wire answers about its requests, and how the answers are built from the names of its fields: the walk through a
 * prompt and through the opening of a conversation is the same for all wires.
 */
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { CountItems, ItemCount, ItemKind } from './item-counts.ts'

/** Receives what a model reads in a request, piece by piece. */
export interface PromptVisitor {
  text(text: string): void
  /** An image, a recording or a document. */
  media(): void
  /** One token that the request gives as a number. */
  token(): void
}

/**
 * What the gateway asks about a client's request without translating it, for limits and routing. Each wire answers from
 * its own fields; `requestReader` builds the answers from their names.
 */
export interface RequestReader {
  /** Visits everything that the model reads: texts, media, tools. */
  visitPrompt(body: JsonObject, visitor: PromptVisitor): void
  /** The limit of the request to the tokens of its answer; undefined without one, 0 if the answer is no text. */
  maxAnswerTokens(body: JsonObject): number | undefined
  /** The texts with which a conversation begins: they stay the same as it grows. '' if the request has none. */
  openingOf(body: JsonObject): string
  /** The client's own name for the conversation or its user. */
  conversationNameOf(body: JsonObject): string | undefined
  /** Whether the request offers tools that the model may call. */
  offersTools(body: JsonObject): boolean
  /** How many items of a kind the request holds; undefined if requests of this wire hold none. */
  itemCount(kind: ItemKind, body: JsonObject): ItemCount | undefined
}

/** The number of answers that a request asks for, and the path of the parameter that says so. */
export type AnswerCount = { param: string; count: number }

/** Where a wire keeps what a model reads. All names are those of the wire. */
type PromptFields = {
  /** Top-level fields whose text the model reads. */
  text: readonly string[]
  /** Top-level fields that the model reads as JSON, such as tools. */
  json?: readonly string[]
  /** The `type` of a part that is an image, a recording or a document. */
  mediaTypes?: readonly string[]
  /** Fields that make a part an image, a recording or a document, whatever its `type`. */
  mediaFields?: readonly string[]
  /** Fields inside a text field that are only names, or that only a vendor can read. */
  ignored?: readonly string[]
}

const isDataUrl = (text: string): boolean => text.startsWith('data:') && text.slice(0, 200).includes(';base64,')

/** The walk through what a model reads. A number is one token: prompts and inputs may be lists of token numbers. */
const promptWalk = (fields: PromptFields): RequestReader['visitPrompt'] => {
  const { text: textFields, json: jsonFields = [], mediaTypes = [], mediaFields = [], ignored = [] } = fields
  const media = { types: new Set(mediaTypes), fields: new Set(mediaFields) }
  const ignoredFields = new Set(ignored)

  const isMediaPart = (part: JsonObject): boolean =>
    (typeof part.type === 'string' && media.types.has(part.type)) ||
    Object.keys(part).some(key => media.fields.has(key))

  const visit = (value: Json | undefined, visitor: PromptVisitor): void => {
    if (typeof value === 'string') {
      if (isDataUrl(value)) visitor.media()
      else visitor.text(value)
    } else if (typeof value === 'number') visitor.token()
    else if (Array.isArray(value)) for (const item of value) visit(item, visitor)
    else if (isObject(value)) visitObject(value, visitor)
  }

  const visitObject = (value: JsonObject, visitor: PromptVisitor): void => {
    if (isMediaPart(value)) visitor.media()
    else for (const key in value) if (!ignoredFields.has(key)) visit(value[key], visitor)
  }

  return (body, visitor) => {
    for (const field of textFields) visit(body[field], visitor)
    for (const field of jsonFields) if (body[field] !== undefined) visitor.text(JSON.stringify(body[field]))
  }
}

/** How a conversation opens. All values are those of the request. */
type Opening = {
  /** Texts outside the conversation, such as the system text or a prompt. */
  texts?: readonly (Json | undefined)[]
  /** The conversation: its turns, or its only text. */
  turns?: Json | undefined
}

/** Maximum characters of each text that distinguishes conversations. */
const maxTextLength = 16_384

const isSystemTurn = (turn: Json): boolean => isObject(turn) && (turn.role === 'system' || turn.role === 'developer')

/** The text of an opening: `texts`, and the turns up to the first that is not the system's. */
const openingText = (
  { texts = [], turns = [] }: Opening,
  contentOf: (part: JsonObject) => Json | undefined,
): string => {
  const textIn = (value: Json | undefined): string => {
    if (typeof value === 'string') return value.slice(0, maxTextLength)
    if (Array.isArray(value)) return value.map(textIn).join('\n')
    return isObject(value) ? textIn(contentOf(value)) : ''
  }
  const found = texts.map(textIn)
  for (const turn of Array.isArray(turns) ? turns : [turns]) {
    found.push(textIn(turn))
    if (!isSystemTurn(turn)) break
  }
  return found.join('\n')
}

type ReaderOptions = {
  prompt: PromptFields
  /**
   * The limit that a request sets to the tokens of its answer: the first number of these. Absent for a wire whose
   * answers are no text.
   */
  answerLimits?: (body: JsonObject) => readonly (Json | undefined)[]
  opening: (body: JsonObject) => Opening
  /** What distinguishes a turn or a part: its text, the URL or the data of its image, or the value that holds these. */
  contentOf?: (part: JsonObject) => Json | undefined
  /** Fields in which a client names a conversation or its user, best first. */
  conversationNames?: readonly string[]
  /** Whether a request offers tools that the model may call. */
  offersTools?: (body: JsonObject) => boolean
  /** Where the items of a request stand. Media are counted in the prompt. */
  items?: Partial<Record<ItemKind, CountItems>>
}

/** Counts the images, recordings and documents among what a model reads. */
const mediaCounter = (fields: PromptFields, visitPrompt: RequestReader['visitPrompt']): CountItems => {
  const param = fields.text.at(-1) ?? ''
  return body => {
    let count = 0
    const ignore = (): void => undefined
    visitPrompt(body, { text: ignore, token: ignore, media: () => count++ })
    return { param, count }
  }
}

/** A reader for the requests of one wire. */
export const requestReader = ({
  prompt,
  answerLimits,
  opening,
  contentOf = part => part.text ?? part.content,
  conversationNames = [],
  offersTools = () => false,
  items = {},
}: ReaderOptions): RequestReader => {
  const visitPrompt = promptWalk(prompt)
  const counters: Partial<Record<ItemKind, CountItems>> = { media: mediaCounter(prompt, visitPrompt), ...items }
  return {
    visitPrompt,
    maxAnswerTokens: body => (answerLimits ? answerLimits(body).find(limit => typeof limit === 'number') : 0),
    openingOf: body => openingText(opening(body), contentOf),
    conversationNameOf: body =>
      conversationNames.map(field => textOf(body[field])).find(name => name !== undefined && name !== ''),
    offersTools,
    itemCount: (kind, body) => counters[kind]?.(body),
  }
}
