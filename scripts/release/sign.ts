/**
 * The ad-hoc signature of a macOS executable: digests of its pages, without a certificate. macOS kills a program whose
 * signature does not match. Bun 1.4.4 signs what it compiles for arm64, but leaves an x64 executable with the signature
 * of the bare runtime (Bun's pull request 39772 is for arm64 only). The formats are in Apple's mach-o/loader.h
 * (little-endian) and kern/cs_blobs.h (big-endian).
 */
import { createHash } from 'node:crypto'

const page = 4096
const name = 'simple-one-api'
const [segmentCommand, signatureCommand] = [0x19, 0x1d]
const [superBlob, codeDirectory] = [0xfade0cc0, 0xfade0c02]
const directoryHeader = 88

/** `limit`: where the signed code ends and the signature begins. The others are offsets of load commands. */
type Layout = { limit: number; signature: number; linkedit: number; text: number }

/** Whether the signature covers the whole program and matches each of its pages. */
export const isSigned = (program: Buffer): boolean => {
  const { limit, signature } = layoutOf(program)
  const size = program.readUInt32LE(signature + 12)
  if (limit + size !== program.length || program.readUInt32BE(limit) !== superBlob) return false
  const blob = limit + program.readUInt32BE(limit + 16)
  if (program.readUInt32BE(blob) !== codeDirectory || program.readUInt32BE(blob + 32) !== limit) return false
  const first = blob + program.readUInt32BE(blob + 16)
  const digests = digestsOf(program.subarray(0, limit))
  return program.subarray(first, first + digests.length).equals(digests)
}

/** Replaces the program's signature with a matching one. @throws Error if the program has none. */
export const sign = (program: Buffer): Buffer => {
  const layout = layoutOf(program)
  const { limit, signature, linkedit, text } = layout
  const length = 20 + directoryHeader + name.length + 1 + Math.ceil(limit / page) * 32
  const size = Math.ceil(length / 16) * 16
  const signed = Buffer.concat([program.subarray(0, limit), Buffer.alloc(size)])
  const linkeditSize = limit - Number(signed.readBigUInt64LE(linkedit + 40)) + size
  signed.writeUInt32LE(size, signature + 12)
  signed.writeBigUInt64LE(BigInt(Math.ceil(linkeditSize / page) * page), linkedit + 32)
  signed.writeBigUInt64LE(BigInt(linkeditSize), linkedit + 48)
  for (const [at, value] of [superBlob, length, 1, 0, 20].entries()) signed.writeUInt32BE(value, limit + at * 4)
  const digests = digestsOf(signed.subarray(0, limit))
  writeDirectory(signed.subarray(limit + 20), limit, Number(signed.readBigUInt64LE(text + 48)), digests)
  return signed
}

/** Version 2.4: ad hoc, as a linker signs; SHA-256; the main executable. */
const writeDirectory = (out: Buffer, limit: number, textSize: number, digests: Buffer): void => {
  const hashes = directoryHeader + name.length + 1
  const header = [
    codeDirectory,
    hashes + digests.length,
    0x20400,
    0x20002,
    hashes,
    directoryHeader,
    0,
    digests.length / 32,
    limit,
  ]
  for (const [at, value] of header.entries()) out.writeUInt32BE(value, at * 4)
  out.set([32, 2, 0, Math.log2(page)], 36)
  out.writeBigUInt64BE(BigInt(textSize), 72)
  out.writeBigUInt64BE(1n, 80)
  out.write(name, directoryHeader)
  out.set(digests, hashes)
}

/** The last page ends where the code does. */
const digestsOf = (code: Buffer): Buffer => {
  const count = Math.ceil(code.length / page)
  const digest = (at: number) =>
    createHash('sha256')
      .update(code.subarray(at * page, (at + 1) * page))
      .digest()
  return Buffer.concat(Array.from({ length: count }, (_, at) => digest(at)))
}

const layoutOf = (program: Buffer): Layout => {
  if (program.readUInt32LE(0) !== 0xfeedfacf) throw new Error('no Mach-O of 64 bits')
  const found: Partial<Layout> = {}
  let at = 32
  for (let remaining = program.readUInt32LE(16); remaining > 0; remaining--) {
    const command = program.readUInt32LE(at)
    const segment = command === segmentCommand && program.toString('latin1', at + 8, at + 24).replaceAll('\0', '')
    if (segment === '__LINKEDIT') found.linkedit = at
    if (segment === '__TEXT') found.text = at
    if (command === signatureCommand) Object.assign(found, { signature: at, limit: program.readUInt32LE(at + 8) })
    at += program.readUInt32LE(at + 4)
  }
  const { limit, signature, linkedit, text } = found
  if (!limit || !signature || !linkedit || !text) throw new Error('no place for a signature')
  return { limit, signature, linkedit, text }
}
