/**
 * Reproducible archives: their bytes depend only on the names, the contents and the given date, not on an owner or the
 * order of a directory.
 */
import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib'

/** `name` uses forward slashes and has no leading one. */
export type ArchiveFile = { name: string; content: Uint8Array; executable: boolean }

/** A gzipped tar (ustar). `date`: seconds since 1970. */
export const tarGz = (files: readonly ArchiveFile[], date: number): Uint8Array => {
  const blocks = sortByName(files).flatMap(file => [
    tarHeader(file, date),
    file.content,
    padding(file.content.length, 512),
  ])
  const zipped = gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: constants.Z_BEST_COMPRESSION })
  zipped.fill(0, 4, 8)
  zipped[9] = 255
  return zipped
}

/**
 * A zip. `date`: seconds since 1970; a zip stores dates from 1980 on, without a zone and in steps of two seconds. They
 * are in UTC here.
 */
export const zip = (files: readonly ArchiveFile[], date: number): Uint8Array => {
  const parts: Buffer[] = []
  const index: Buffer[] = []
  let offset = 0
  for (const file of sortByName(files)) {
    const data = deflateRawSync(file.content, { level: constants.Z_BEST_COMPRESSION })
    const fields = zipFields(file, data.length, date)
    const name = Buffer.from(file.name)
    const local = Buffer.concat([bytes(4, 0x04034b50), fields, name, data])
    index.push(zipEntry(fields, file.executable, offset), name)
    parts.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(index)
  return Buffer.concat([...parts, directory, zipEnd(files.length, directory.length, offset)])
}

/**
 * The regular files of a tar, name → content. Supports what npm's packages contain: ustar, names of at most 100 bytes.
 */
export const untar = (tar: Uint8Array): Map<string, Uint8Array> => {
  const files = new Map<string, Uint8Array>()
  const text = (from: number, length: number) =>
    Buffer.from(tar.subarray(from, from + length))
      .toString()
      .split('\0', 1)[0]!
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8)
    const isFile = tar[at + 156] === 48 || tar[at + 156] === 0
    if (isFile) files.set(text(at, 100), tar.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}

const sortByName = (files: readonly ArchiveFile[]) => [...files].sort((one, other) => (one.name < other.name ? -1 : 1))
const padding = (length: number, block: number) => Buffer.alloc((block - (length % block)) % block)

const tarHeader = ({ name, content, executable }: ArchiveFile, date: number): Buffer => {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name}: too long a name for the archive`)
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number) =>
    header.write(value.toString(8).padStart(length - 1, '0'), at)
  header.write(name, 0)
  octal(executable ? 0o755 : 0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.length, 124, 12)
  octal(date, 136, 12)
  header.write(`${' '.repeat(8)}0`, 148)
  header.write('ustar\x0000', 257)
  header.write('root', 265)
  header.write('root', 297)
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  header[154] = 0
  return header
}

/** Little-endian. */
const bytes = (width: 2 | 4, ...values: number[]): Buffer => {
  const out = Buffer.alloc(width * values.length)
  for (const [at, value] of values.entries()) out.writeUIntLE(value >>> 0, at * width, width)
  return out
}

/** The 26 bytes that the local header and the directory entry share: version 2.0, names in UTF-8, deflated. */
const zipFields = ({ name, content }: ArchiveFile, compressedSize: number, date: number): Buffer => {
  const moment = new Date(date * 1000)
  const time = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1)
  const calendar = ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate()
  return Buffer.concat([
    bytes(2, 20, 0x800, 8, time, calendar),
    bytes(4, crc32(content), compressedSize, content.length),
    bytes(2, Buffer.byteLength(name), 0),
  ])
}

const unix = 3 << 8

const zipEntry = (fields: Buffer, executable: boolean, offset: number): Buffer =>
  Buffer.concat([
    bytes(4, 0x02014b50),
    bytes(2, unix | 20),
    fields,
    bytes(2, 0, 0, 0),
    bytes(4, (executable ? 0o100755 : 0o100644) << 16, offset),
  ])

const zipEnd = (count: number, size: number, offset: number): Buffer =>
  Buffer.concat([bytes(4, 0x06054b50), bytes(2, 0, 0, count, count), bytes(4, size, offset), bytes(2, 0)])
