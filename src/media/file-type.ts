/**
 * Detects the type of a file by its first bytes. Servers send everything as `application/octet-stream`, or call a PNG a
 * JPEG.
 */
import { lookUp } from '../base/look-up.ts'

type MagicNumber = { offset?: number; bytes: string; mime: string }

/** Byte patterns in Latin-1. mimesniff.spec.whatwg.org, sections 6.1 and 6.2; HEIC and AVIF after ISO/IEC 23008-12. */
const magicNumbers: readonly MagicNumber[] = [
  { bytes: '\x89PNG\r\n\x1a\n', mime: 'image/png' },
  { bytes: '\xff\xd8\xff', mime: 'image/jpeg' },
  { bytes: 'GIF87a', mime: 'image/gif' },
  { bytes: 'GIF89a', mime: 'image/gif' },
  { bytes: 'BM', mime: 'image/bmp' },
  { bytes: 'II*\0', mime: 'image/tiff' },
  { bytes: 'MM\0*', mime: 'image/tiff' },
  { offset: 8, bytes: 'WEBP', mime: 'image/webp' },
  { offset: 8, bytes: 'WAVE', mime: 'audio/wav' },
  { offset: 8, bytes: 'AVI ', mime: 'video/x-msvideo' },
  { offset: 4, bytes: 'ftypavif', mime: 'image/avif' },
  { offset: 4, bytes: 'ftyphei', mime: 'image/heic' },
  { offset: 4, bytes: 'ftypmif1', mime: 'image/heif' },
  { offset: 4, bytes: 'ftypM4A', mime: 'audio/mp4' },
  { offset: 4, bytes: 'ftypqt', mime: 'video/quicktime' },
  { offset: 4, bytes: 'ftyp', mime: 'video/mp4' },
  { bytes: '\x1aE\xdf\xa3', mime: 'video/webm' },
  { bytes: 'OggS', mime: 'audio/ogg' },
  { bytes: 'fLaC', mime: 'audio/flac' },
  { bytes: 'ID3', mime: 'audio/mpeg' },
  { bytes: '\xff\xfb', mime: 'audio/mpeg' },
  { bytes: '\xff\xf3', mime: 'audio/mpeg' },
  { bytes: '%PDF-', mime: 'application/pdf' },
]

/** The type by the first bytes. A pattern of two bytes is too weak to contradict the server. */
const sniff = (prefix: string, allowsShortMatch: boolean): string | undefined =>
  magicNumbers.find(
    ({ offset = 0, bytes, mime }) => (allowsShortMatch || bytes.length > 2) && prefix.startsWith(bytes, offset) && mime,
  )?.mime

const isMedia = (mime: string): boolean => /^(?:image|audio|video|text)\/[\w.+-]+$/.test(mime) || mime === pdf
const pdf = 'application/pdf'

/** Content types that carry no information. */
const genericTypes: ReadonlySet<string> = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/binary',
  'application/x-download',
])

/** Aliases → canonical types: `image/jpg` is `image/jpeg`. */
const canonicalTypes: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'audio/mp3': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'application/x-pdf': pdf,
}

/**
 * The type of a file. The bytes decide if they are conclusive and the server named the same top-level type or none;
 * otherwise the server's content type applies. Undefined unless it is a type that a model takes: image, audio, video,
 * text, PDF.
 * @param contentType the server's header, with parameters
 */
export const detectFileType = (bytes: Uint8Array, contentType: string | null): string | undefined => {
  const [essence = ''] = (contentType ?? '').toLowerCase().split(';')
  const declared = lookUp(canonicalTypes, essence.trim()) ?? essence.trim()
  const isGeneric = genericTypes.has(declared)
  const detected = sniff(Buffer.from(bytes.subarray(0, 16)).toString('latin1'), isGeneric)
  if (isGeneric) return detected
  if (!isMedia(declared)) return undefined
  // An Ogg or MP4 file may hold audio or video. The server's content type decides.
  return detected !== undefined && topLevelType(detected) === topLevelType(declared) ? detected : declared
}

const topLevelType = (mime: string): string => mime.slice(0, mime.indexOf('/'))

/** True if a type matches what the client declared: `image/*`, `application/pdf`, or anything. */
export const matchesMediaType = (mime: string, expectedType: string): boolean => {
  const expected = expectedType.toLowerCase()
  if (expected === '' || expected === '*/*' || genericTypes.has(expected)) return true
  return expected === pdf ? mime === pdf : topLevelType(expected) === topLevelType(mime)
}
