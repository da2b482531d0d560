/**
 * Images, audio and files in the format of Responses ↔ media parts.
 * https://platform.openai.com/docs/api-reference/responses/create (2026-11)
 */

import { isObject, type JsonObject, textOf } from '../../base/json/json.ts'
import type { MediaPart } from '../../ir/chat.ts'
import { fileOwner, parseMedia as parseChatMedia, renderMedia as renderChatMedia } from '../openai-chat/media.ts'
import type { NoteLoss } from '../protocol.ts'

/** Parses a part of a message or of a tool output. Returns undefined if its type is unknown. */
export const parseMedia = (part: JsonObject): MediaPart | undefined => {
  if (part.type === 'input_image') return parseImage(part)
  if (part.type === 'input_file') return parseFile(part)
  return part.type === 'input_audio' ? parseChatMedia(part) : undefined
}

const parseImage = ({ image_url: url, file_id: file, detail }: JsonObject): MediaPart | undefined => {
  const detailField = textOf(detail) === undefined ? {} : { detail: detail as string }
  if (typeof url === 'string') return parseChatMedia({ type: 'image_url', image_url: { url, ...detailField } })
  return typeof file === 'string'
    ? { type: 'media', mime: 'image/*', source: { file, by: fileOwner }, ...detailField }
    : undefined
}

const parseFile = (part: JsonObject): MediaPart | undefined => {
  const name = textOf(part.filename)
  const url = textOf(part.file_url)
  if (url === undefined) return parseChatMedia({ type: 'file', file: part })
  return { type: 'media', mime: mimeOf(name ?? url), source: { url }, ...(name !== undefined && { name }) }
}

/** Derives the type from the end of a name or URL. */
const mimeOf = (name: string): string => (/\.pdf(?:$|[?#])/i.test(name) ? 'application/pdf' : '*/*')

/** Audio must be inside the request. Images and files may also be in the file store or at a URL. */
export const acceptsUrl = ({ mime }: MediaPart): boolean => !mime.startsWith('audio/')

/** Renders media as a part of a message. */
export const renderMedia = (media: MediaPart, path: string, loss: NoteLoss): JsonObject | undefined => {
  const { mime, source, detail, name } = media
  const filenameField = name === undefined ? {} : { filename: name }
  if (mime.startsWith('video/')) {
    loss(path, `this protocol does not support ${mime}`)
    return undefined
  }
  if (mime.startsWith('image/')) {
    const detailField = detail === undefined ? {} : { detail }
    if ('file' in source && source.by === fileOwner)
      return { type: 'input_image', file_id: source.file, ...detailField }
    const { image_url: image } = renderChatMedia(media, path, loss) ?? {}
    return isObject(image) ? { type: 'input_image', image_url: image.url, ...detailField } : undefined
  }
  if (mime.startsWith('audio/') && 'data' in source) return renderChatMedia(media, path, loss)
  if ('url' in source) return { type: 'input_file', file_url: source.url, ...filenameField }
  const { file } = renderChatMedia(media, path, loss) ?? {}
  return isObject(file) ? { type: 'input_file', ...file } : undefined
}

/** Parses the image of an `image_generation_call`. Its other fields are sealed. */
export const parseGeneratedImage = (item: JsonObject, at?: string): MediaPart | undefined => {
  const { type, result, id: _id, status: _status, ...rest } = item
  if (type !== 'image_generation_call' || typeof result !== 'string' || result === '') return undefined
  const seal = { by: 'openai-responses', ...(at !== undefined && { at }), value: rest }
  const mime = `image/${textOf(item.output_format) ?? 'png'}`
  return { type: 'media', mime, source: { data: result }, ...(Object.keys(rest).length > 0 && { seal }) }
}

/** Renders a generated image as the item that produced it. Returns undefined if its data is not inline. */
export const renderGeneratedImage = ({ mime, source, seal }: MediaPart, id: string): JsonObject | undefined => {
  if (!mime.startsWith('image/') || !('data' in source)) return undefined
  const sealedFields = seal?.by === 'openai-responses' && isObject(seal.value) ? seal.value : {}
  const format = mime === 'image/*' ? 'png' : mime.slice('image/'.length)
  return {
    id,
    type: 'image_generation_call',
    status: 'completed',
    result: source.data,
    ...(format !== 'png' && { output_format: format }),
    ...sealedFields,
  }
}
