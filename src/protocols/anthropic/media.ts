/**
 * Anthropic's image and document blocks ↔ media parts.
 * https://platform.claude.com/docs/en/build-with-claude/pdf-support, …/vision, …/files
 */

import { isObject, type JsonObject, textOf } from '../../base/json/json.ts'
import type { MediaPart, Part } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'
import { id } from './wire.ts'

/** Block fields that only this protocol has. They are kept in the part's seal. */
const sealedFields = ['context', 'citations', 'transformations'] as const

/**
 * Parses an image or document block. A document that consists of blocks becomes their parts. Returns undefined if the
 * block has no usable source.
 */
export const parseMedia = (block: JsonObject, parseBlocks: (blocks: unknown) => Part[]): Part[] | undefined => {
  const { source, type, title } = block
  if (!isObject(source)) return undefined
  if (source.type === 'content') return parseBlocks(source.content)
  const found = sourceOf(source, type === 'image' ? 'image/*' : '*/*')
  if (found === undefined) return undefined
  const kept = sealedFields.filter(key => block[key] !== undefined && block[key] !== null)
  const value = Object.fromEntries(kept.map(key => [key, block[key]]))
  return [
    {
      type: 'media',
      ...found,
      ...(typeof title === 'string' && { name: title }),
      ...(kept.length > 0 && { seal: { by: id, value } }),
    },
  ]
}

const sourceOf = (source: JsonObject, mime: string): Pick<MediaPart, 'mime' | 'source'> | undefined => {
  const { data, url, file_id: file, media_type: mediaType } = source
  const exactMime = textOf(mediaType) ?? mime
  if (source.type === 'base64' && typeof data === 'string') return { mime: exactMime, source: { data } }
  if (source.type === 'text' && typeof data === 'string')
    return { mime: textOf(mediaType) ?? 'text/plain', source: { data: Buffer.from(data).toString('base64') } }
  if (source.type === 'url' && typeof url === 'string')
    return { mime: mime === '*/*' ? 'application/pdf' : mime, source: { url } }
  return source.type === 'file' && typeof file === 'string' ? { mime, source: { file, by: id } } : undefined
}

const isPdf = (mime: string): boolean => mime === 'application/pdf' || mime === '*/*'

/**
 * Anthropic fetches images and PDFs by URL, but not text files.
 * https://platform.claude.com/docs/en/build-with-claude/pdf-support (2026-11)
 */
export const acceptsUrl = ({ mime }: MediaPart): boolean => !isText(mime)
const isText = (mime: string): boolean => /^text\/|^application\/(json|xml)$/.test(mime)

/**
 * Renders media as a block. Returns undefined and notes a loss if this protocol has no such block.
 * `fields`: the block fields from a readable seal.
 */
export const renderMedia = (
  media: MediaPart,
  fields: JsonObject,
  path: string,
  loss: NoteLoss,
): JsonObject | undefined => {
  const { mime, source, name } = media
  const title = name === undefined ? {} : { title: name }
  if ('file' in source) {
    if (source.by !== id) return noteUnsupported(path, loss, 'the file is stored at another vendor')
    const fileBlock = { source: { type: 'file', file_id: source.file }, ...fields }
    return mime.startsWith('image/') ? { type: 'image', ...fileBlock } : { type: 'document', ...fileBlock, ...title }
  }
  if (mime.startsWith('image/'))
    return {
      type: 'image',
      source: 'url' in source ? urlSource(source.url) : base64Source(mime, source.data),
      ...fields,
    }
  if ('url' in source)
    return isPdf(mime)
      ? { type: 'document', source: urlSource(source.url), ...title, ...fields }
      : noteUnsupported(path, loss, `this protocol does not support ${mime} by URL`)
  if (mime === 'application/pdf' || (mime === '*/*' && source.data.startsWith('JVBERi')))
    return { type: 'document', source: base64Source('application/pdf', source.data), ...title, ...fields }
  if (isText(mime)) {
    const data = Buffer.from(source.data, 'base64').toString()
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data }, ...title, ...fields }
  }
  return noteUnsupported(path, loss, `this protocol does not support ${mime}`)
}

const noteUnsupported = (path: string, loss: NoteLoss, why: string): undefined => void loss(path, why)
const urlSource = (url: string) => ({ type: 'url', url })
const base64Source = (mime: string, data: string) => ({
  type: 'base64',
  media_type: mime === 'image/*' || mime === 'image/jpg' ? imageTypeOf(data) : mime,
  data,
})

/** Detects an image's type from its first bytes, because Anthropic refuses an image without an exact type. */
const imageTypeOf = (data: string): string => {
  const magicNumbers = { iVBORw: 'image/png', '/9j/': 'image/jpeg', R0lGOD: 'image/gif', UklGR: 'image/webp' }
  return Object.entries(magicNumbers).find(([start]) => data.startsWith(start))?.[1] ?? 'image/png'
}
