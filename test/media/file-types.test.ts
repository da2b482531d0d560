/** Every file type that the first bytes reveal, every alias and every content type that carries no information. */
import { describe, expect, test } from 'bun:test'
import { detectFileType, matchesMediaType } from '../../src/media/file-type.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')
/** The first bytes of an ISO base media file: the size of its first box, `ftyp`, and the major brand. */
const isoFile = (brand: string) => `\0\0\0\x20ftyp${brand}\0\0\0\0`

describe('the first bytes of a file', () => {
  // mimesniff.spec.whatwg.org 6.1 and 6.2; Adobe TIFF 6.0 p. 13; libpng 12.12; RFC 9639 8.1 (FLAC); id3.org v2.4 3.1;
  // ISO/IEC 23008-12 annex B (heic, heix, heim, heis, mif1); AV1 Image File Format 9 (avif); QuickTime File Format (qt).
  test.each([
    ['PNG', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/png'],
    ['JPEG', '\xff\xd8\xff\xe0\0\x10JFIF', 'image/jpeg'],
    ['GIF of 1987', 'GIF87a\x01\0\x01\0', 'image/gif'],
    ['GIF of 1989', 'GIF89a\x01\0\x01\0', 'image/gif'],
    ['BMP', 'BM\x46\0\0\0\0\0\0\0', 'image/bmp'],
    ['TIFF, little endian', 'II*\0\x08\0\0\0', 'image/tiff'],
    ['TIFF, big endian', 'MM\0*\0\0\0\x08', 'image/tiff'],
    ['WebP', 'RIFF\x24\0\0\0WEBPVP8 ', 'image/webp'],
    ['WAVE', 'RIFF\x24\0\0\0WAVEfmt ', 'audio/wav'],
    ['AVI', 'RIFF\x24\0\0\0AVI LIST', 'video/x-msvideo'],
    ['AVIF', isoFile('avif'), 'image/avif'],
    ['HEIC', isoFile('heic'), 'image/heic'],
    ['HEIC, 10 bit', isoFile('heix'), 'image/heic'],
    ['HEIC, multiview', isoFile('heim'), 'image/heic'],
    ['HEIC, scalable', isoFile('heis'), 'image/heic'],
    ['HEIF', isoFile('mif1'), 'image/heif'],
    ['M4A', isoFile('M4A '), 'audio/mp4'],
    ['QuickTime', isoFile('qt  '), 'video/quicktime'],
    ['MP4 of the brand isom', isoFile('isom'), 'video/mp4'],
    ['MP4 of the brand mp42', isoFile('mp42'), 'video/mp4'],
    ['WebM', '\x1aE\xdf\xa3\x9fB\x86\x81', 'video/webm'],
    ['Ogg', 'OggS\0\x02\0\0', 'audio/ogg'],
    ['FLAC', 'fLaC\0\0\0"', 'audio/flac'],
    ['MP3 with an ID3 tag', 'ID3\x04\0\0\0\0', 'audio/mpeg'],
    ['MP3, MPEG-1 layer III', '\xff\xfb\x90\x64', 'audio/mpeg'],
    ['MP3, MPEG-2 layer III', '\xff\xf3\x90\x64', 'audio/mpeg'],
    ['PDF', '%PDF-1.7\n', 'application/pdf'],
  ])('reveal %s', (_name, prefix, type) => expect(detectFileType(bytes(prefix), null)).toBe(type))

  test.each([
    ['WEBP at another place', 'WEBPVP8 RIFF\x24\0\0\0'],
    ['ftyp at another place', 'ftypavif\0\0\0\0'],
    ['the first half of a signature', '\x89PNG'],
    ['MPEG audio of another layer', '\xff\xfd\x90\x64'],
    ['ZIP', 'PK\x03\x04'],
    ['words', 'only words'],
    ['nothing', ''],
  ])('%s reveals no type', (_name, prefix) => expect(detectFileType(bytes(prefix), null)).toBeUndefined())

  test.each([
    ['BMP', 'BMW is a car', 'image/png', 'image/png'],
    ['MP3, MPEG-1', '\xff\xfb\x90', 'audio/aac', 'audio/aac'],
    ['MP3, MPEG-2', '\xff\xf3\x90', 'audio/aac', 'audio/aac'],
  ])('two bytes of %s do not contradict the server', (_name, prefix, declared, type) =>
    expect(detectFileType(bytes(prefix), declared)).toBe(type),
  )

  test.each([
    ['an image', 'GIF89a', 'image/png', 'image/gif'],
    ['a sound', 'fLaC', 'audio/mpeg', 'audio/flac'],
    ['a video', '\x1aE\xdf\xa3', 'video/mp4', 'video/webm'],
    ['three bytes', 'ID3', 'audio/wav', 'audio/mpeg'],
  ])('contradict the server within %s', (_name, prefix, declared, type) =>
    expect(detectFileType(bytes(prefix), declared)).toBe(type),
  )

  test.each([
    ['sound in an MP4 file', isoFile('isom'), 'audio/mp4'],
    ['sound in a WebM file', '\x1aE\xdf\xa3', 'audio/webm'],
    ['video in an Ogg file', 'OggS', 'video/ogg'],
    ['a text that begins like a file', '%PDF-', 'text/plain'],
  ])('leave %s to the server', (_name, prefix, declared) =>
    expect(detectFileType(bytes(prefix), declared)).toBe(declared),
  )
})

describe('a content type', () => {
  test.each([
    null,
    '',
    ' ; charset=utf-8',
    'application/octet-stream',
    'binary/octet-stream',
    'application/binary',
    'application/x-download',
    'Application/Octet-Stream; charset=binary',
  ])('%j carries no information', declared => {
    expect(detectFileType(bytes('BM'), declared)).toBe('image/bmp')
    expect(detectFileType(bytes('words'), declared)).toBeUndefined()
    expect(matchesMediaType('image/png', (declared ?? '').replace(/;.*/, '').trim())).toBe(true)
  })

  test.each([
    ['image/jpg', 'image/jpeg'],
    ['image/pjpeg', 'image/jpeg'],
    ['image/x-png', 'image/png'],
    ['audio/mp3', 'audio/mpeg'],
    ['audio/x-wav', 'audio/wav'],
    ['audio/wave', 'audio/wav'],
    ['application/x-pdf', 'application/pdf'],
    [' IMAGE/JPG ; q=1', 'image/jpeg'],
  ])('%j means %s', (alias, type) => expect(detectFileType(bytes('?'), alias)).toBe(type))

  test.each([
    'image/svg+xml',
    'image/vnd.ms-photo',
    'audio/aac',
    'video/3gpp',
    'text/csv',
    'text/x-python_3',
    'application/pdf',
  ])('%s is what a model takes', type => expect(detectFileType(bytes('?'), type)).toBe(type))

  test.each([
    'application/json',
    'application/zip',
    'application/pdf+x',
    'multipart/form-data',
    'font/woff2',
    'model/gltf+json',
    'image',
    'image/',
    'image/png/x',
    'ximage/png',
  ])('%s is nothing that a model takes', type => expect(detectFileType(bytes('?'), type)).toBeUndefined())
})

describe('the type that a client declares', () => {
  test.each([
    ['image/png', '', true],
    ['image/png', '*/*', true],
    ['image/png', 'application/octet-stream', true],
    ['image/png', 'image/*', true],
    ['image/png', 'IMAGE/JPEG', true],
    ['image/png', 'audio/*', false],
    ['audio/wav', 'audio/mpeg', true],
    ['audio/mp4', 'video/mp4', false],
    ['text/csv', 'text/plain', true],
    ['text/plain', 'application/pdf', false],
    ['application/pdf', 'application/pdf', true],
    ['application/pdf', 'Application/PDF', true],
    ['application/pdf', 'image/*', false],
    ['image/png', 'application/pdf', false],
  ])('a file of %s as %j: %p', (type, declared, matches) => expect(matchesMediaType(type, declared)).toBe(matches))
})
