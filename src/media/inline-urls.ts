/** Media a client names by URL → media with their bytes, for vendors that fetch nothing themselves. */
import { GatewayError } from '../base/errors.ts'
import { isObject, type Json } from '../base/json/json.ts'
import type { Chat, MediaPart, Part, Turn } from '../ir/chat.ts'
import { fits } from './file-type.ts'
import { createSafeFetch, type Fetched, type MediaTerms, refusal, type SafeFetch } from './safe-fetch.ts'

/** A file as base64 with its true type. */
export type File = { mime: string; data: string }

const isRemote = (part: Part): part is MediaPart & { source: { url: string } } =>
  part.type === 'media' && 'url' in part.source

/** Which media may stay where they are. */
type TakesUrl = (media: MediaPart) => boolean
const none: TakesUrl = () => false

/** Is there anything to fetch: also within results of tools. */
export const hasUrls = (chat: Chat, takesUrl = none): boolean =>
  chat.turns.some(({ parts }) => anyRemote(parts, takesUrl))

const anyRemote = (parts: readonly Part[], takesUrl: TakesUrl): boolean =>
  parts.some(part => (isRemote(part) && !takesUrl(part)) || (part.type === 'result' && anyRemote(part.parts, takesUrl)))

/** Every media part with a URL that may not stay gets its bytes; all at once. Nothing of the chat is changed. @throws what `media` throws */
export const inlineUrls = async (chat: Chat, media: RequestMedia, takesUrl = none): Promise<Chat> => {
  const inPart = async (part: Part): Promise<Part> => {
    if (part.type === 'result' && anyRemote(part.parts, takesUrl))
      return { ...part, parts: await Promise.all(part.parts.map(inPart)) }
    if (!isRemote(part) || takesUrl(part)) return part
    const { mime, data } = await media.fetch(part.source.url, part.mime)
    return { ...part, mime, source: { data } }
  }
  const inTurn = async (turn: Turn): Promise<Turn> =>
    anyRemote(turn.parts, takesUrl) ? { ...turn, parts: await Promise.all(turn.parts.map(inPart)) } : turn
  return { ...chat, turns: await Promise.all(chat.turns.map(inTurn)) }
}

const guards = new WeakMap<MediaTerms, SafeFetch>()

const guardFor = (terms: MediaTerms): SafeFetch => {
  const guard = guards.get(terms) ?? createSafeFetch(terms)
  guards.set(terms, guard)
  return guard
}

/** All files of a request together, in sizes of the largest single one. */
const mostAltogether = 2

/** The files of one request: each fetched once. */
type Files = { file: (url: string) => Promise<File>; stop: () => void }

const openFiles = (terms: MediaTerms, signal: AbortSignal, guard: SafeFetch): Files => {
  const known = new Map<string, Promise<File>>()
  const controller = new AbortController()
  const either = AbortSignal.any([signal, controller.signal])
  let left = terms.maxBytes * mostAltogether
  const meter = (bytes: number): void => {
    left -= bytes
    if (left < 0) throw refusal(`all files together are larger than ${terms.maxBytes * mostAltogether} bytes`)
  }
  const begin = (url: string): Promise<File> => {
    if (known.size >= terms.maxFiles) throw refusal(`a request may name no more than ${terms.maxFiles} files by URL`)
    const fetching = guard(url, meter, either).then(toFile)
    known.set(url, fetching)
    return fetching
  }
  return { file: url => known.get(url) ?? begin(url), stop: () => controller.abort() }
}

/** The media of one request: each URL is fetched once, however many attempts there are. Nothing is opened until the first is asked for. */
export class RequestMedia {
  #files: Files | undefined

  /** @param body the request as it came: errors name the place of a URL in it. @param client its signal ends all when the client leaves */
  constructor(
    private readonly terms: MediaTerms,
    private readonly body: Json,
    private readonly client: { readonly signal: AbortSignal },
    private readonly guard = guardFor,
  ) {}

  /** The file of one URL, `data:` too; `wanted` is what the part says it is, perhaps only `image/*`. @throws GatewayError `invalid_request` where it cannot be had, or is something else */
  async fetch(url: string, wanted: string): Promise<File> {
    try {
      if (/^data:/i.test(url)) return parseData(url, wanted)
      this.#files ??= openFiles(this.terms, this.client.signal, this.guard(this.terms))
      const file = await this.#files.file(url)
      if (!fits(file.mime, wanted)) throw refusal(`it is ${file.mime}, not ${wanted}`)
      return file
    } catch (thrown) {
      // One that cannot be had is enough to refuse the request: the others need not go on.
      this.#files?.stop()
      throw located(thrown, pathOf(this.body, url))
    }
  }
}

const toFile = ({ bytes, mime }: Fetched): File => ({
  mime,
  data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
})

const located = (thrown: unknown, path: string | undefined): unknown => {
  if (!(thrown instanceof GatewayError)) return thrown
  const message = `${path === undefined ? '' : `${path}: `}the file could not be fetched: ${thrown.message}`
  return new GatewayError(thrown.code, message, path === undefined ? {} : { param: path })
}

/** RFC 2397: `data:[type][;name=value]*[;base64],…` */
const parseData = (url: string, wanted: string): File => {
  const comma = url.indexOf(',')
  if (comma < 0) throw refusal('its data URL has no comma')
  const [type = '', ...words] = url.slice('data:'.length, comma).split(';')
  const mime = type.trim().toLowerCase() || wanted
  const said = url.slice(comma + 1).trim()
  if (words.some(word => word.trim().toLowerCase() === 'base64')) return { mime, data: said }
  try {
    return { mime, data: Buffer.from(decodeURIComponent(said)).toString('base64') }
  } catch {
    throw refusal('its data URL is badly escaped')
  }
}

/** Where a text stands in a request: `messages[1].content[0].image_url.url`. Looked for only when there is something to complain of. */
export const pathOf = (value: Json | undefined, text: string, path = ''): string | undefined => {
  if (value === text) return path
  const steps: [string, Json | undefined][] = Array.isArray(value)
    ? value.map((inner, index) => [`${path}[${index}]`, inner])
    : isObject(value)
      ? Object.entries(value).map(([key, inner]) => [path === '' ? key : `${path}.${key}`, inner])
      : []
  for (const [step, inner] of steps) {
    const found = pathOf(inner, text, step)
    if (found !== undefined) return found
  }
  return undefined
}
