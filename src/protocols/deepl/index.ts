/**
 * Translation in the formats of DeepL (https://developers.deepl.com/api-reference/translate, 2026-11) and DeepLX
 * (`/translate`), answered by a language model. For clients only: no vendor is called in these formats.
 */
import { GatewayError } from '../../base/errors.ts'
import { type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { FinishReason, Message } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Batch, Exchange, Frame, Ingress, Passthrough, Stage } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import {
  checkRequest,
  checkSingleText,
  defaultTemplate,
  onlyText,
  type PromptTemplate,
  reader,
  requestParser,
} from './prompt.ts'

/**
 * Settings of translation. `retry`: further attempts for a text that failed; `concurrency`: maximum texts in flight.
 */
export type TranslationOptions = { template?: PromptTemplate; retry: number; concurrency: number }

type TranslationFormat = {
  id: string
  check: Ingress['checkRequest']
  /** Renders one translation as a body. */
  renderBody: (text: string, clientRequest: JsonObject) => JsonObject
  /** Renders a body, or the body of a text delta, as one message of a stream. */
  renderChunk: (body: JsonObject) => JsonObject
  renderError: (renderError: GatewayError) => JsonObject
  join: Batch['join']
}

const sourceLanguage = ({ source_lang }: JsonObject): string => (textOf(source_lang) ?? '').toUpperCase()

/** A numeric id derived from the text, in place of DeepLX's own. */
const numericId = (id: string): number => Number(Bun.hash(id) % 9_000_000_000n) + 1_000_000_000

const formats: TranslationFormat[] = [
  {
    id: 'deepl',
    check: checkRequest,
    renderBody: (text, clientRequest) => ({
      translations: [{ detected_source_language: sourceLanguage(clientRequest), text }],
    }),
    renderChunk: body => body,
    renderError: ({ message }) => ({ message }),
    join: answers => ({ translations: answers.flatMap(({ translations }) => translations as Json[]) }),
  },
  {
    id: 'deeplx',
    check: checkSingleText,
    renderBody: (data, clientRequest) => ({
      code: 200,
      id: numericId(data),
      data,
      alternatives: [],
      source_lang: sourceLanguage(clientRequest),
      target_lang: clientRequest.target_lang ?? '',
      method: 'Pro',
    }),
    renderChunk: ({ data, target_lang }) => ({ code: 0, data, target_lang }),
    renderError: ({ status, message }) => ({ code: status, message }),
    join: ([only]) => only!,
  },
]

const messageText = ({ parts }: Message): string => parts.map(part => (part.type === 'text' ? part.text : '')).join('')

/** Finish reasons that leave a translation incomplete. */
const incompleteFinishes: Partial<Record<FinishReason, string>> = {
  length: 'the translation was cut: the model came to its limit of tokens',
  filter: "the translation was cut by a filter of the vendor's",
  pause: 'the translation was cut: the model paused',
}

/** @throws GatewayError `upstream_failed` if the answer has no translation or an incomplete one */
const checkTranslation = (isEmpty: boolean, finish: FinishReason): void => {
  const fault = incompleteFinishes[finish] ?? (isEmpty ? 'the model answered without a translation' : undefined)
  if (fault !== undefined) throw new GatewayError('upstream_failed', fault)
}

const isBlank = (text: string): boolean => text.trim() === ''

/** Models put blank lines around an answer that are not part of the text. */
const trimTranslation = (text: string): string => text.trim()

const renderTranslation =
  ({ renderBody }: TranslationFormat): Ingress['renderMessage'] =>
  (message, { clientRequest = {} }) => {
    const text = trimTranslation(messageText(message))
    checkTranslation(text === '', message.finish)
    return renderBody(text, clientRequest)
  }

const encodeTranslationStream =
  ({ renderBody, renderChunk, renderError }: TranslationFormat) =>
  ({ clientRequest = {} }: Exchange): Stage<Event, Frame> =>
  emit => {
    const texts = new Set<number>()
    let isEmpty = true
    return event => {
      if (event?.type === 'open' && event.part === 'text') texts.add(event.at)
      else if (event?.type === 'delta' && texts.has(event.at)) {
        isEmpty &&= isBlank(event.text)
        emit({ data: JSON.stringify(renderChunk(renderBody(event.text, clientRequest))) })
      } else if (event?.type === 'finish') checkTranslation(isEmpty, event.reason)
      else if (event?.type === 'fault') emit({ data: JSON.stringify(renderError(event.error)) })
    }
  }

/** Requests in these formats are always translated: nothing passes through. */
const unusedPassthrough = (readRequest: Passthrough['readRequest']): Passthrough => ({
  readRequest,
  writeRequest: text => text,
  passMessage: text => ({ text }),
  pipeStream() {
    throw new Error('a translation is never passed')
  },
})

/**
 * Each text is a separate request; only a single text can be streamed. A blank text is returned as it is, without a
 * request.
 */
const batchFor = (
  { renderBody, renderChunk, join }: TranslationFormat,
  { retry, concurrency }: TranslationOptions,
): Batch => ({
  concurrency: concurrency,
  retry,
  split(clientRequest) {
    const texts = textsOf(clientRequest)
    const isStream = clientRequest.stream === true && texts.length === 1 && !isBlank(onlyText(clientRequest))
    if (isStream) return undefined
    return { count: texts.length, bodyAt: index => ({ ...clientRequest, text: [texts[index]!] }) }
  },
  precomputed: clientRequest =>
    isBlank(onlyText(clientRequest)) ? renderBody(onlyText(clientRequest), clientRequest) : undefined,
  join,
  frames: answer => [{ data: JSON.stringify(renderChunk(answer)) }],
})

const textsOf = ({ text }: JsonObject): Json[] => (Array.isArray(text) ? text : [text ?? ''])

const createTranslationProtocol = (format: TranslationFormat, options: TranslationOptions): Ingress => ({
  kind: 'chat',
  id: format.id,
  idPrefix: '',
  acceptsForms: true,
  turnsField: 'text',
  reader,
  checkRequest: format.check,
  parseRequest: requestParser(options.template ?? defaultTemplate),
  renderMessage: renderTranslation(format),
  renderStream: encodeTranslationStream(format),
  renderFrame,
  renderError: format.renderError,
  renderStreamError: error => renderFrame({ data: JSON.stringify(format.renderError(error)) }),
  // A request without a model goes to `random`: rotating over free models is the usual wish for translations.
  passthrough: unusedPassthrough(({ model, stream }) => ({
    model: textOf(model) || 'random',
    stream: stream === true,
    usageRequested: false,
  })),
  batch: batchFor(format, options),
})

const cached = new WeakMap<TranslationOptions, ReadonlyMap<string, Ingress>>()

/** The protocols `deepl` and `deeplx` with these options. */
export const translationProtocols = (options: TranslationOptions): ReadonlyMap<string, Ingress> => {
  const known = cached.get(options)
  if (known) return known
  const all = new Map(formats.map(format => [format.id, createTranslationProtocol(format, options)]))
  cached.set(options, all)
  return all
}

/** Options with their defaults: an empty template or a concurrency of 0 counts as absent. */
export const translationOptions = (given: {
  template?: PromptTemplate | undefined
  retry?: number | undefined
  concurrency?: number | undefined
}): TranslationOptions => ({
  ...(given.template && { template: given.template }),
  retry: given.retry ?? 0,
  concurrency: given.concurrency || 5,
})

/** The options used if the configuration sets none. */
export const defaultTranslationOptions = translationOptions({})
