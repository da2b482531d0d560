/** Images, documents, video and audio as Converse blocks. Files are sent as bytes (base64). */

import { isObject, type JsonObject, textOf } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { MediaPart } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'
import { audioFormats, documentFormats, imageFormats, videoFormats } from './wire.ts'

const formatsOfKind = { image: imageFormats, document: documentFormats, video: videoFormats, audio: audioFormats }
type MediaKind = keyof typeof formatsOfKind

/** First bytes of file types in base64, for clients that send no exact type. */
const magicNumbers: [start: string, mime: string][] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['JVBERi', 'application/pdf'],
]

/** Names the documents of one request. Every name is unique and uses only the characters Converse allows. */
export type DocumentNamer = (name: string | undefined) => string

/** Creates a namer for one request. */
export const createDocumentNamer = (): DocumentNamer => {
  const used = new Map<string, number>()
  return name => {
    const sanitized = (name ?? '')
      .replace(/\.[a-z0-9]{1,5}$/i, '')
      .replace(/[^A-Za-z0-9\s\-()[\]]+/g, '-')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 190)
    const wanted = sanitized === '' || sanitized === '-' ? 'document' : sanitized
    const count = (used.get(wanted) ?? 0) + 1
    used.set(wanted, count)
    return count === 1 ? wanted : `${wanted} (${count})`
  }
}

/** Renders media as a block. Returns undefined and notes a loss if this vendor does not accept it. */
export const renderMedia = (
  media: MediaPart,
  path: string,
  nameDocument: DocumentNamer,
  loss: NoteLoss,
): JsonObject | undefined => {
  const { source, name } = media
  if (!('data' in source)) {
    loss(path, 'this vendor accepts files only as bytes')
    return undefined
  }
  const mime = exactType(media.mime, source.data)
  for (const kind of Object.keys(formatsOfKind) as MediaKind[]) {
    const format = lookUp(formatsOfKind[kind], mime)
    if (format === undefined) continue
    const block = { format, source: { bytes: source.data } }
    return { [kind]: kind === 'document' ? { ...block, name: nameDocument(name) } : block }
  }
  if (mime.startsWith('text/'))
    return { document: { format: 'txt', source: { bytes: source.data }, name: nameDocument(name) } }
  loss(path, `this vendor does not accept ${mime}`)
  return undefined
}

/** Returns the media type. For a type such as `image/*` the first bytes are checked. */
const exactType = (mime: string, data: string): string => {
  const [type = ''] = mime.toLowerCase().split(';')
  return type.endsWith('/*') ? (magicNumbers.find(([start]) => data.startsWith(start))?.[1] ?? type) : type.trim()
}

/** Parses an image block of a response. */
export const parseImage = (image: unknown): MediaPart | undefined => {
  if (!isObject(image) || !isObject(image.source)) return undefined
  const data = textOf(image.source.bytes)
  return data === undefined
    ? undefined
    : { type: 'media', mime: `image/${textOf(image.format) ?? '*'}`, source: { data } }
}
