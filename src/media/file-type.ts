/** What bytes are by how they begin: servers say `application/octet-stream` of everything, and name a PNG a JPEG. */

type Magic = { at?: number; bytes: string; mime: string }

/** In Latin-1. mimesniff.spec.whatwg.org, sections 6.1 and 6.2; HEIC and AVIF after ISO/IEC 23008-12. */
const magics: readonly Magic[] = [
  { bytes: '\x89PNG\r\n\x1a\n', mime: 'image/png' },
  { bytes: '\xff\xd8\xff', mime: 'image/jpeg' },
  { bytes: 'GIF87a', mime: 'image/gif' },
  { bytes: 'GIF89a', mime: 'image/gif' },
  { bytes: 'BM', mime: 'image/bmp' },
  { bytes: 'II*\0', mime: 'image/tiff' },
  { bytes: 'MM\0*', mime: 'image/tiff' },
  { at: 8, bytes: 'WEBP', mime: 'image/webp' },
  { at: 8, bytes: 'WAVE', mime: 'audio/wav' },
  { at: 8, bytes: 'AVI ', mime: 'video/x-msvideo' },
  { at: 4, bytes: 'ftypavif', mime: 'image/avif' },
  { at: 4, bytes: 'ftyphei', mime: 'image/heic' },
  { at: 4, bytes: 'ftypmif1', mime: 'image/heif' },
  { at: 4, bytes: 'ftypM4A', mime: 'audio/mp4' },
  { at: 4, bytes: 'ftypqt', mime: 'video/quicktime' },
  { at: 4, bytes: 'ftyp', mime: 'video/mp4' },
  { bytes: '\x1aE\xdf\xa3', mime: 'video/webm' },
  { bytes: 'OggS', mime: 'audio/ogg' },
  { bytes: 'fLaC', mime: 'audio/flac' },
  { bytes: 'ID3', mime: 'audio/mpeg' },
  { bytes: '\xff\xfb', mime: 'audio/mpeg' },
  { bytes: '\xff\xf3', mime: 'audio/mpeg' },
  { bytes: '%PDF-', mime: 'application/pdf' },
]

/** Found in the first bytes; two letters alone are too few where the server says something else. */
const sniff = (head: string, weak: boolean): string | undefined =>
  magics.find(({ at = 0, bytes, mime }) => (weak || bytes.length > 2) && head.startsWith(bytes, at) && mime)?.mime

const isMedia = (mime: string): boolean => /^(?:image|audio|video|text)\/[\w.+-]+$/.test(mime) || mime === pdf
const pdf = 'application/pdf'

/** Words by which servers say nothing. */
const vague = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/binary',
  'application/x-download',
])

/** What a model is never handed as it is told: `image/jpg` is `image/jpeg`. */
const proper: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'audio/mp3': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'application/x-pdf': pdf,
}

/**
 * The type of a file: what its bytes say where they say it and the server named the same class or none, else the server's word. Undefined where
 * it is none that a model takes: image, audio, video, text, PDF. @param contentType the server's, parameters and all.
 */
export const typeOf = (bytes: Uint8Array, contentType: string | null): string | undefined => {
  const [essence = ''] = (contentType ?? '').toLowerCase().split(';')
  const said = proper[essence.trim()] ?? essence.trim()
  const isVague = vague.has(said)
  const seen = sniff(Buffer.from(bytes.subarray(0, 16)).toString('latin1'), isVague)
  if (isVague) return seen
  if (!isMedia(said)) return undefined
  // An Ogg or MP4 file may hold sound or pictures: there the server knows better.
  return seen !== undefined && classOf(seen) === classOf(said) ? seen : said
}

const classOf = (mime: string): string => mime.slice(0, mime.indexOf('/'))

/** Does a type fit what the client said the part is: `image/*`, `application/pdf`, anything. */
export const fits = (mime: string, wanted: string): boolean => {
  const word = wanted.toLowerCase()
  if (word === '' || word === '*/*' || vague.has(word)) return true
  return word === pdf ? mime === pdf : classOf(word) === classOf(mime)
}
