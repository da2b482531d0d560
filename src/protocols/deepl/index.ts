/**
 * Translation in the shapes of DeepL (https://developers.deepl.com/api-reference/translate, 2026-11) and DeepLX (`/translate`), answered by
 * a language model. A client's half only: no vendor here speaks it.
 */
import { GatewayError } from '../../base/errors.ts'
import { type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Finish, Message } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Batch, Exchange, Frame, Ingress, Passthrough, PassthroughProtocol, Stage } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { parseError } from '../shared/vendor-error.ts'
import { checkOne, checkRequest, ordinary, requestParser, type Template, textAsked } from './prompt.ts'

/** What the configuration says of translations. `retry`: further tries of a text that failed; `concurrency`: texts at once. */
export type Manner = { template?: Template; retry: number; concurrency: number }

type Shape = {
  id: string
  check: Ingress['checkRequest']
  /** One translation as a body. */
  body: (text: string, asked: JsonObject) => JsonObject
  /** A body, or that of a piece, as a stream tells it. */
  piece: (body: JsonObject) => JsonObject
  error: (error: GatewayError) => JsonObject
  join: Batch['join']
}

const source = ({ source_lang }: JsonObject): string => (textOf(source_lang) ?? '').toUpperCase()

/** A number in place of DeepLX's own. */
const numberOf = (id: string): number => Number(Bun.hash(id) % 9_000_000_000n) + 1_000_000_000

const shapes: Shape[] = [
  {
    id: 'deepl',
    check: checkRequest,
    body: (text, asked) => ({ translations: [{ detected_source_language: source(asked), text }] }),
    piece: body => body,
    error: ({ message }) => ({ message }),
    join: answers => ({ translations: answers.flatMap(({ translations }) => translations as Json[]) }),
  },
  {
    id: 'deeplx',
    check: checkOne,
    body: (data, asked) => ({
      code: 200,
      id: numberOf(data),
      data,
      alternatives: [],
      source_lang: source(asked),
      target_lang: asked.target_lang ?? '',
      method: 'Pro',
    }),
    piece: ({ data, target_lang }) => ({ code: 0, data, target_lang }),
    error: ({ status, message }) => ({ code: status, message }),
    join: ([only]) => only!,
  },
]

const textIn = ({ parts }: Message): string => parts.map(part => (part.type === 'text' ? part.text : '')).join('')

/** Finishes that leave half a translation. */
const cuts: Partial<Record<Finish, string>> = {
  length: 'the translation was cut: the model came to its limit of tokens',
  filter: "the translation was cut by a filter of the vendor's",
  pause: 'the translation was cut: the model paused',
}

/** @throws `upstream_failed` where what was said is no translation, or half a one */
const checkTold = (isEmpty: boolean, finish: Finish): void => {
  const fault = cuts[finish] ?? (isEmpty ? 'the model answered without a translation' : undefined)
  if (fault !== undefined) throw new GatewayError('upstream_failed', fault)
}

const isBlank = (text: string): boolean => text.trim() === ''

/** Blank lines a model puts around its answer are not the text's. */
const tidied = (text: string): string => text.trim()

const wholeOf =
  ({ body }: Shape): Ingress['renderMessage'] =>
  (message, { clientRequest = {} }) => {
    const text = tidied(textIn(message))
    checkTold(text === '', message.finish)
    return body(text, clientRequest)
  }

const streamOf =
  ({ body, piece, error }: Shape) =>
  ({ clientRequest = {} }: Exchange): Stage<Event, Frame> =>
  emit => {
    const texts = new Set<number>()
    let isEmpty = true
    return event => {
      if (event?.type === 'open' && event.part === 'text') texts.add(event.at)
      else if (event?.type === 'delta' && texts.has(event.at)) {
        isEmpty &&= isBlank(event.text)
        emit({ data: JSON.stringify(piece(body(event.text, clientRequest))) })
      } else if (event?.type === 'finish') checkTold(isEmpty, event.reason)
      else if (event?.type === 'fault') emit({ data: JSON.stringify(error(event.error)) })
    }
  }

/** It is always translated: there is nothing to pass. */
const watch = (readRequest: Passthrough['readRequest']): Passthrough => ({
  readRequest,
  writeRequest: text => text,
  passMessage: text => ({ text }),
  pipeStream() {
    throw new Error('a translation is never passed')
  },
})

/** Each text is a request of its own; one alone can be streamed. What there is nothing to translate in is not asked for: it stays as it is. */
const severalOf = ({ body, piece, join }: Shape, { retry, concurrency }: Manner): Batch => ({
  concurrency: concurrency,
  retry,
  split(asked) {
    const texts = textsOf(asked)
    const isStream = asked.stream === true && texts.length === 1 && !isBlank(textAsked(asked))
    return isStream ? undefined : texts.map(text => ({ ...asked, text: [text] }))
  },
  precomputed: asked => (isBlank(textAsked(asked)) ? body(textAsked(asked), asked) : undefined),
  join,
  frames: answer => [{ data: JSON.stringify(piece(answer)) }],
})

const textsOf = ({ text }: JsonObject): Json[] => (Array.isArray(text) ? text : [text ?? ''])

const translator = (shape: Shape, manner: Manner): Ingress & PassthroughProtocol => ({
  id: shape.id,
  idPrefix: '',
  acceptsForms: true,
  checkRequest: shape.check,
  parseRequest: requestParser(manner.template ?? ordinary),
  renderMessage: wholeOf(shape),
  renderStream: streamOf(shape),
  renderFrame,
  renderError: shape.error,
  renderStreamError: error => renderFrame({ data: JSON.stringify(shape.error(error)) }),
  parseError,
  // Rotating the free models is what translations are wanted for.
  passthrough: watch(({ model, stream }) => ({
    model: textOf(model) || 'random',
    stream: stream === true,
    usageRequested: false,
  })),
  batch: severalOf(shape, manner),
})

const made = new WeakMap<Manner, ReadonlyMap<string, Ingress & PassthroughProtocol>>()

/** `deepl` and `deeplx`, in the manner that is configured. */
export const translators = (manner: Manner): ReadonlyMap<string, Ingress & PassthroughProtocol> => {
  const known = made.get(manner)
  if (known) return known
  const all = new Map(shapes.map(shape => [shape.id, translator(shape, manner)]))
  made.set(manner, all)
  return all
}

/** What holds where the configuration says nothing. */
export const ordinaryManner: Manner = { retry: 0, concurrency: 5 }
