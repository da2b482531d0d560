/** What the benchmark's clients are told to do, and the results they report. */
import type { BenchProtocol } from './protocols.ts'

export type Job = {
  /** The root URL of the server. */
  url: string
  /** The clients' protocol, and how many frames of a stream precede the first word frame and follow the last. */
  protocol: BenchProtocol
  leadingFrames: number
  trailingFrames: number
  /**
   * `whole` and `bulk` repeat requests for `seconds`; `paced` opens `connections` streams once, each of `frames` words
   * `frameInterval` ms apart.
   */
  mode: 'whole' | 'bulk' | 'paced'
  connections: number
  seconds: number
  frames: number
  /** Milliseconds between two frames of a stream. */
  frameInterval: number
  /** How each frame of a stream differs from the one before. */
  variation: FrameVariation
  /** The first requests are spread over this many milliseconds. */
  ramp: number
  /** Bytes of text in the request and in the answer; 0: a short conversation, a short answer. */
  requestBytes: number
  responseBytes: number
  /** The number of client keys, used in turn. */
  keys: number
}

/**
 * Frames differ in their word only; also in their padding, as OpenAI's do; or also in a prefix, so that no two frames
 * are equal.
 */
export type FrameVariation = 'word' | 'padding' | 'all'

/**
 * `done`: requests, or word frames; `doneWhileAllOpen`: the word frames of paced streams while all of them were open;
 * `lost`: missing or excess frames of any kind. Latencies are in µs, from the second half of the time, because the
 * clients have JIT compilers too.
 */
export type Tally = { done: number; doneWhileAllOpen: number; lost: number; bytes: number; p50: number; p99: number }

export const defaultJob = {
  protocol: 'openai-chat',
  leadingFrames: 0,
  trailingFrames: 2,
  connections: 16,
  seconds: 3,
  frames: 0,
  frameInterval: 0,
  variation: 'word',
  ramp: 0,
  requestBytes: 0,
  responseBytes: 0,
  keys: 1,
} satisfies Partial<Job>

export const clientKey = (number: number): string => `sk-bench-${String(number).padStart(4, '0')}`
