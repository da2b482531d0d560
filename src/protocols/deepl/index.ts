/**
 * Translation in the shapes of DeepL (https://developers.deepl.com/api-reference/translate, 2026-11) and DeepLX (`/translate`), answered by
 * a language model. A client's half only: no vendor here speaks it.
 */
import type { GatewayError } from '../../errors.ts'
import type { Message } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import { type Json, type JsonObject, textOf } from '../../ir/json.ts'
import { parseError } from '../openai-chat/error.ts'
import { renderFrame } from '../openai-chat/watch.ts'
import type { Exchange, Frame, Ingress, PassOnly, Several, Stage, Watch } from '../protocol.ts'
import { checkRequest, ordinary, requestParser, type Template } from './prompt.ts'

/** What the configuration says of translations. `retry`: further tries of a text that failed; `concurrency`: texts at once. */
export type Manner = { template?: Template; retry: number; concurrency: number }

type Shape = {
  id: string
  /** One translation as a body. */
  body: (text: string, asked: JsonObject) => JsonObject
  /** A piece of a streamed one. */
  piece: (text: string, asked: JsonObject) => JsonObject
  error: (error: GatewayError) => JsonObject
  join: Several['join']
}

const source = ({ source_lang }: JsonObject): string => (textOf(source_lang) ?? '').toUpperCase()

/** A number in place of DeepLX's own. */
const numberOf = (id: string): number => Number(Bun.hash(id) % 9_000_000_000n) + 1_000_000_000

const shapes: Shape[] = [
  {
    id: 'deepl',
    body: (text, asked) => ({ translations: [{ detected_source_language: source(asked), text }] }),
    piece: (text, asked) => ({ translations: [{ detected_source_language: source(asked), text }] }),
    error: ({ message }) => ({ message }),
    join: answers => ({ translations: answers.flatMap(({ translations }) => translations as Json[]) }),
  },
  {
    id: 'deeplx',
    body: (data, asked) => ({
      code: 200,
      id: numberOf(data),
      data,
      alternatives: [],
      source_lang: source(asked),
      target_lang: asked.target_lang ?? '',
      method: 'Pro',
    }),
    piece: (data, asked) => ({ code: 0, data, target_lang: asked.target_lang ?? '' }),
    error: ({ status, message }) => ({ code: status, message }),
    join: ([only]) => only!,
  },
]

const textIn = ({ parts }: Message): string => parts.map(part => (part.type === 'text' ? part.text : '')).join('')

/** Blank lines a model puts around its answer are not the text's. */
const tidied = (text: string): string => text.trim()

const streamOf =
  ({ piece, error }: Shape) =>
  ({ asked = {} }: Exchange): Stage<Event, Frame> =>
  emit => {
    const texts = new Set<number>()
    return event => {
      if (event?.type === 'open' && event.part === 'text') texts.add(event.at)
      else if (event?.type === 'delta' && texts.has(event.at)) emit({ data: JSON.stringify(piece(event.text, asked)) })
      else if (event?.type === 'fault') emit({ data: JSON.stringify(error(event.error)) })
    }
  }

/** It is always translated: there is nothing to pass. */
const watch = (readRequest: Watch['readRequest']): Watch => ({
  readRequest,
  writeRequest: text => text,
  passMessage: text => ({ text }),
  passStream() {
    throw new Error('a translation is never passed')
  },
})

const translator = (shape: Shape, { template = ordinary, retry, concurrency }: Manner): Ingress & PassOnly => ({
  id: shape.id,
  idPrefix: '',
  takesForms: true,
  checkRequest,
  parseRequest: requestParser(template),
  renderMessage: (message, { asked = {} }) => shape.body(tidied(textIn(message)), asked),
  renderStream: streamOf(shape),
  renderFrame,
  renderError: shape.error,
  renderFault: error => renderFrame({ data: JSON.stringify(shape.error(error)) }),
  parseError,
  // Rotating the free models is what translations are wanted for.
  watch: watch(({ model, stream }) => ({
    model: textOf(model) || 'random',
    stream: stream === true,
    usageAsked: false,
  })),
  several: {
    atOnce: concurrency,
    retry,
    split: body => (body.stream === true ? undefined : textsOf(body).map(text => ({ ...body, text: [text] }))),
    join: shape.join,
    frames: () => [],
  },
})

const textsOf = ({ text }: JsonObject): Json[] => (Array.isArray(text) ? text : [text ?? ''])

const made = new WeakMap<Manner, ReadonlyMap<string, Ingress & PassOnly>>()

/** `deepl` and `deeplx`, in the manner that is configured. */
export const translators = (manner: Manner): ReadonlyMap<string, Ingress & PassOnly> => {
  const known = made.get(manner)
  if (known) return known
  const all = new Map(shapes.map(shape => [shape.id, translator(shape, manner)]))
  made.set(manner, all)
  return all
}

/** What holds where the configuration says nothing. */
export const ordinaryManner: Manner = { retry: 0, concurrency: 5 }
