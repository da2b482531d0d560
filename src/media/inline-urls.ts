/** Replaces media URLs by the bytes of the files, for vendors that fetch nothing themselves. */
import { GatewayError } from '../base/errors.ts'
import { isObject, type Json } from '../base/json/json.ts'
import type { Chat, MediaPart, Part, Turn } from '../ir/chat.ts'
import { matchesMediaType } from './file-type.ts'
import { createSafeFetch, type FetchedFile, type MediaSettings, mediaError, type SafeFetch } from './safe-fetch.ts'

/** A file as base64 with its detected type. */
type MediaFile = { mime: string; data: string }

const isRemoteMedia = (part: Part): part is MediaPart & { source: { url: string } } =>
  part.type === 'media' && 'url' in part.source

/** True for media whose URL the vendor accepts. */
type AcceptsUrl = (media: MediaPart) => boolean
const acceptsNone: AcceptsUrl = () => false

/** True if there is anything to fetch, tool results included. */
export const hasUrls = (chat: Chat, acceptsUrl = acceptsNone): boolean =>
  chat.turns.some(({ parts }) => hasRemoteMedia(parts, acceptsUrl))

const hasRemoteMedia = (parts: readonly Part[], acceptsUrl: AcceptsUrl): boolean =>
  parts.some(
    part =>
      (isRemoteMedia(part) && !acceptsUrl(part)) || (part.type === 'result' && hasRemoteMedia(part.parts, acceptsUrl)),
  )

/**
 * Fetches every media part whose URL the vendor does not accept, all at once. Returns a new chat.
 * @throws GatewayError as `RequestMedia.fetch`
 */
export const inlineUrls = async (chat: Chat, media: RequestMedia, acceptsUrl = acceptsNone): Promise<Chat> => {
  const inPart = async (part: Part): Promise<Part> => {
    if (part.type === 'result' && hasRemoteMedia(part.parts, acceptsUrl))
      return { ...part, parts: await Promise.all(part.parts.map(inPart)) }
    if (!isRemoteMedia(part) || acceptsUrl(part)) return part
    const { mime, data } = await media.fetch(part.source.url, part.mime)
    return { ...part, mime, source: { data } }
  }
  const inTurn = async (turn: Turn): Promise<Turn> =>
    hasRemoteMedia(turn.parts, acceptsUrl) ? { ...turn, parts: await Promise.all(turn.parts.map(inPart)) } : turn
  return { ...chat, turns: await Promise.all(chat.turns.map(inTurn)) }
}

const safeFetches = new WeakMap<MediaSettings, SafeFetch>()

const safeFetchFor = (settings: MediaSettings): SafeFetch => {
  const safeFetch = safeFetches.get(settings) ?? createSafeFetch(settings)
  safeFetches.set(settings, safeFetch)
  return safeFetch
}

/** Maximum size of all files of a request, as a multiple of the maximum for one file. */
const maxTotalFactor = 2

/** The files of one request. Each is fetched once. */
type RequestFiles = { get: (url: string) => Promise<MediaFile>; stop: () => void }

const createRequestFiles = (settings: MediaSettings, signal: AbortSignal, safeFetch: SafeFetch): RequestFiles => {
  const known = new Map<string, Promise<MediaFile>>()
  const controller = new AbortController()
  const eitherSignal = AbortSignal.any([signal, controller.signal])
  let bytesLeft = settings.maxBytes * maxTotalFactor
  const meter = (bytes: number): void => {
    bytesLeft -= bytes
    if (bytesLeft < 0)
      throw mediaError(`all files together are larger than ${settings.maxBytes * maxTotalFactor} bytes`)
  }
  const startFetch = (url: string): Promise<MediaFile> => {
    if (known.size >= settings.maxFiles)
      throw mediaError(`a request may name no more than ${settings.maxFiles} files by URL`)
    const fetching = safeFetch(url, meter, eitherSignal).then(toFile)
    known.set(url, fetching)
    return fetching
  }
  return { get: url => known.get(url) ?? startFetch(url), stop: () => controller.abort() }
}

/**
 * The media of one request. Each URL is fetched once, however many attempts there are. Nothing is allocated before the
 * first fetch.
 */
export class RequestMedia {
  #files: RequestFiles | undefined
  /** Why the first file could not be had. It refuses the request, so no later file is asked for or explained. */
  #failure: unknown

  /**
   * @param body the original request, from which errors name the path of a URL
   * @param client its signal cancels all fetches when the client disconnects
   */
  constructor(
    private readonly settings: MediaSettings,
    private readonly body: Json,
    private readonly client: { readonly signal: AbortSignal },
    private readonly safeFetch = safeFetchFor,
  ) {}

  /**
   * The file of one URL, which may be a `data:` URL.
   * @param expectedType the type that the part declares, perhaps only `image/*`
   * @throws GatewayError `invalid_request` if the file cannot be fetched or has another type
   */
  async fetch(url: string, expectedType: string): Promise<MediaFile> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      if (/^data:/i.test(url)) return parseData(url, expectedType)
      this.#files ??= createRequestFiles(this.settings, this.client.signal, this.safeFetch(this.settings))
      const file = await this.#files.get(url)
      if (!matchesMediaType(file.mime, expectedType)) throw mediaError(`it is ${file.mime}, not ${expectedType}`)
      return file
    } catch (thrown) {
      // One failed file is enough to refuse the request, so the other fetches are cancelled.
      this.#files?.stop()
      this.#failure ??= locateError(thrown, jsonPathOf(this.body, url))
      throw this.#failure
    }
  }
}

const toFile = ({ bytes, mime }: FetchedFile): MediaFile => ({
  mime,
  data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
})

const locateError = (thrown: unknown, path: string | undefined): unknown => {
  if (!(thrown instanceof GatewayError)) return thrown
  const message = `${path === undefined ? '' : `${path}: `}the file could not be fetched: ${thrown.message}`
  return new GatewayError(thrown.code, message, path === undefined ? {} : { param: path })
}

/** RFC 2397: `data:[type][;name=value]*[;base64],…` */
const parseData = (url: string, expectedType: string): MediaFile => {
  const comma = url.indexOf(',')
  if (comma < 0) throw mediaError('its data URL has no comma')
  const [type = '', ...parameters] = url.slice('data:'.length, comma).split(';')
  const mime = type.trim().toLowerCase() || expectedType
  const payload = url.slice(comma + 1).trim()
  if (parameters.some(parameter => parameter.trim().toLowerCase() === 'base64')) return { mime, data: payload }
  try {
    return { mime, data: Buffer.from(decodeURIComponent(payload)).toString('base64') }
  } catch {
    throw mediaError('its data URL is badly escaped')
  }
}

/** The elements or members of a value, each with its path. */
const membersOf = (value: Json | undefined, path: string): [string, Json | undefined][] => {
  if (Array.isArray(value)) return value.map((inner, index) => [`${path}[${index}]`, inner])
  if (!isObject(value)) return []
  return Object.entries(value).map(([key, inner]) => [path === '' ? key : `${path}.${key}`, inner])
}

/**
 * The path of a text in a request: `messages[1].content[0].image_url.url`. Only searched for the message of an error.
 */
export const jsonPathOf = (value: Json | undefined, text: string, path = ''): string | undefined => {
  if (value === text) return path
  for (const [step, inner] of membersOf(value, path)) {
    const found = jsonPathOf(inner, text, step)
    if (found !== undefined) return found
  }
  return undefined
}
