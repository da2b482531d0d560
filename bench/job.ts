/** What the clients of the benchmark are told to do, and what they tell afterwards. */
import type { BenchProtocol } from './speech.ts'

export type Job = {
  /** The root of who is asked. */
  url: string
  /** The protocol the clients speak, and how many frames of a stream stand before the first one with words and behind the last. */
  protocol: BenchProtocol
  leadingFrames: number
  trailingFrames: number
  /** `whole` and `bulk` ask again and again for `seconds`; `paced` opens `connections` streams once, of `frames` words `pace` ms apart. */
  mode: 'whole' | 'bulk' | 'paced'
  connections: number
  seconds: number
  frames: number
  /** Milliseconds between two frames of a stream. */
  frameInterval: number
  /** How the frames of a stream differ from the one before. */
  variation: FrameVariation
  /** Over so many milliseconds the first requests are spread. */
  ramp: number
  /** Bytes of text in the request and in the answer; 0: a short conversation, a short answer. */
  requestBytes: number
  responseBytes: number
  /** How many client keys take turns. */
  keys: number
}

/** In their word; in that and their padding, as OpenAI's do; in that and in what stands before it, so that no two are alike. */
export type FrameVariation = 'word' | 'padding' | 'all'

/** `done`: requests, or frames with words; `within`: those while all streams were open, where they are paced; `lost`: frames of any kind. Latencies in µs, of the second half of the time: the clients have compilers too. */
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
