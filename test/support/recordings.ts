/**
 * Recorded traffic of real vendors, from the folders that RECORDINGS names, with the separator of PATH between them
 * (default: `../shared/recordings`, relative to the project). The recordings are not part of the project. Tests over
 * recordings that are not there are skipped, with the reason in their names.
 */
import { test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const recordingFolders = (process.env['RECORDINGS'] ?? join(import.meta.dir, '../../../shared/recordings'))
  .split(delimiter)
  .filter(folder => folder !== '')
const indexedFolders = recordingFolders.filter(folder => existsSync(join(folder, 'INDEX.json')))
const skipReason =
  indexedFolders.length === 0
    ? `skipped: no recordings in ${recordingFolders.join(delimiter)}`
    : 'skipped: the recordings have none'

/** A test over `samples` that come from recordings. It is skipped if there are none. */
export const recordedTest = (
  samples: readonly unknown[],
  name: string,
  run: (() => void) | (() => Promise<unknown>),
  timeoutMs?: number,
): void => {
  if (samples.length === 0) test.skip(`${name} (${skipReason})`, run)
  else test(name, run, timeoutMs)
}

export type Recording = {
  file: string
  provider: string
  api: string
  method: string
  status: number | null
  headers: Record<string, string>
  /** The URL of the request; empty if the capture did not include it. */
  url: string
  requestHeaders: Record<string, string>
  request: unknown
  /** The response body as text, of a stream or of a complete answer. */
  text: string
  /** The response body as bytes, where it is not text. */
  bytes?: Uint8Array
  /** The text in the chunks in which it arrived from the network, where the capture recorded them. */
  pieces?: string[]
  /** True if the response was sent as server-sent events. */
  isEventStream: boolean
}

type IndexRow = { file: string; provider: string; api: string }
type StoredExchange = {
  request?: { method?: string; url?: string; headers?: Record<string, string>; body?: unknown }
  response: {
    status: number | null
    headers?: Record<string, string>
    sse?: string
    ndjson?: string
    body_text?: string
    body?: unknown
    body_b64?: string
    chunks?: string[]
  }
}

/**
 * All recordings of one API, in the order of the folders.
 * @throws if a file of an index cannot be read, so that no recording is skipped silently.
 */
export const recordings = (api: string): Recording[] => recordingsWhere(row => row.api === api)

/** All recordings of one vendor. */
export const recordingsOf = (provider: string): Recording[] => recordingsWhere(row => row.provider === provider)

const recordingsWhere = (selects: (row: IndexRow) => boolean): Recording[] =>
  indexedFolders.flatMap(folder =>
    (JSON.parse(readFileSync(join(folder, 'INDEX.json'), 'utf8')) as IndexRow[])
      .filter(selects)
      .map(row => readRecording(folder, row)),
  )

const readRecording = (folder: string, { file, provider, api }: IndexRow): Recording => {
  const { request, response } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as StoredExchange
  const bodyText =
    response.body_text ?? (response.body === undefined || response.body === null ? '' : JSON.stringify(response.body))
  return {
    file,
    provider,
    api,
    method: request?.method ?? 'POST',
    status: response.status,
    headers: response.headers ?? {},
    url: request?.url ?? '',
    requestHeaders: request?.headers ?? {},
    request: request?.body,
    text: response.sse ?? response.ndjson ?? bodyText,
    ...(response.body_b64 !== undefined && { bytes: Buffer.from(response.body_b64, 'base64') }),
    ...(response.chunks && { pieces: response.chunks }),
    isEventStream: response.sse !== undefined,
  }
}

/** A seeded random generator of numbers from 0 (inclusive) to 1 (exclusive): every run gets the same sequence. */
export const seededRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
}
