/** Images, audio and files in OpenAI's format ↔ media parts. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { MediaPart } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/** The protocol whose vendors can read a file id. Chat Completions and Responses share one file store. */
export const fileOwner = 'openai-chat'

/** Parses a part of a message or of an answer. Returns undefined if its type is unknown. */
export const parseMedia = (part: JsonObject): MediaPart | undefined => {
  if (part.type === 'image_url') return parseUrlMedia(part.image_url, 'image/*')
  if (part.type === 'video_url') return parseUrlMedia(part.video_url, 'video/*')
  if (part.type === 'input_audio') return parseAudio(part.input_audio)
  return part.type === 'file' ? parseFile(part.file) : undefined
}

/** Parses a URL, or `{url, detail}`. A data URI becomes the data itself. */
const parseUrlMedia = (value: Json | undefined, mime: string): MediaPart | undefined => {
  const url = isObject(value) ? textOf(value.url) : textOf(value)
  if (url === undefined) return undefined
  const detail = isObject(value) ? textOf(value.detail) : undefined
  return { type: 'media', ...sourceOf(url, mime), ...(detail !== undefined && { detail }) }
}

const sourceOf = (url: string, mime: string): Pick<MediaPart, 'mime' | 'source'> => {
  const header = url.startsWith('data:') ? url.slice(5, url.indexOf(',') + 1) : ''
  if (!/;base64,$/i.test(header)) return { mime, source: { url } }
  const [declaredMime = ''] = header.split(';', 1)
  return { mime: declaredMime === '' ? mime : declaredMime, source: { data: url.slice(5 + header.length).trim() } }
}

/** Parses OpenAI's `{data, format}`. Mistral takes the data, or a URL, as a plain string. */
const parseAudio = (value: Json | undefined): MediaPart | undefined => {
  if (typeof value === 'string') {
    const isUrl = /^(https?|data):/.test(value)
    return { type: 'media', ...(isUrl ? sourceOf(value, 'audio/*') : { mime: 'audio/*', source: { data: value } }) }
  }
  if (!isObject(value) || typeof value.data !== 'string') return undefined
  const format = textOf(value.format) ?? '*'
  const { mime, source } = value.data.startsWith('data:')
    ? sourceOf(value.data, 'audio/*')
    : { mime: format === 'mp3' ? 'audio/mpeg' : `audio/${format}`, source: { data: value.data } }
  return { type: 'media', mime, source }
}

const parseFile = (value: Json | undefined): MediaPart | undefined => {
  if (!isObject(value)) return undefined
  const name = textOf(value.filename)
  const nameField = name === undefined ? {} : { name }
  if (typeof value.file_id === 'string')
    return { type: 'media', mime: '*/*', source: { file: value.file_id, by: fileOwner }, ...nameField }
  if (typeof value.file_data !== 'string') return undefined
  const parsed = sourceOf(value.file_data, '*/*')
  const source =
    'url' in parsed.source && !/^https?:/.test(parsed.source.url) ? { data: parsed.source.url } : parsed.source
  return { type: 'media', mime: parsed.mime, source, ...nameField }
}

/**
 * Documents and audio must be inside the request itself; only images and videos may be URLs
 * (platform.openai.com/docs/guides/pdf-files, 2026-11).
 */
export const acceptsUrl = ({ mime }: MediaPart): boolean => /^(?:image|video)\//.test(mime)

/**
 * Renders media as a part of a message. OpenAI accepts URLs of images only; `video_url`, an extension of some vendors,
 * is rendered too.
 */
export const renderMedia = (
  { mime, source, detail, name }: MediaPart,
  path: string,
  loss: NoteLoss,
): JsonObject | undefined => {
  if (mime.startsWith('image/') && !('file' in source))
    return { type: 'image_url', image_url: { url: urlOf(mime, source), ...(detail !== undefined && { detail }) } }
  if (mime.startsWith('audio/') && 'data' in source)
    return { type: 'input_audio', input_audio: { data: source.data, format: audioFormat(mime) } }
  if (mime.startsWith('video/') && !('file' in source))
    return { type: 'video_url', video_url: { url: urlOf(mime, source) } }
  const filenameField = name === undefined ? {} : { filename: name }
  if ('file' in source && source.by === fileOwner)
    return { type: 'file', file: { file_id: source.file, ...filenameField } }
  if ('data' in source)
    return { type: 'file', file: { file_data: mime === '*/*' ? source.data : urlOf(mime, source), ...filenameField } }
  if ('file' in source) loss(path, `a file stored at a vendor of ${source.by} cannot be read here`)
  else loss(path, `this protocol does not support ${mime} by URL`)
  return undefined
}

const urlOf = (mime: string, source: { data: string } | { url: string }): string =>
  'url' in source ? source.url : `data:${mime === 'image/*' ? 'image/png' : mime};base64,${source.data}`

const audioFormat = (mime: string): string => {
  const format = mime.slice('audio/'.length)
  return format === 'mpeg' ? 'mp3' : format.replace(/^x-/, '')
}
