/** Parses the name of a mock model into its behaviour: `mock-tools-pace-20`, `mock-delay-200-error-500`. */

export type Behaviour = {
  tools: boolean
  reasoning: boolean
  json: boolean
  /** Sends the headers and then nothing. */
  silent: boolean
  /** The HTTP status to fail with. */
  error?: number
  /** Milliseconds before the headers. */
  delay: number
  /** Milliseconds before each frame of a stream. */
  pace: number
  /**
   * Number of frames after which a stream ends without a finish reason. A body that is not streamed is cut in the
   * middle.
   */
  cut?: number
}

const flags: ReadonlySet<string> = new Set(['tools', 'reasoning', 'json', 'silent'])
const numbers: ReadonlySet<string> = new Set(['error', 'delay', 'pace', 'cut'])
const maxWait = 600_000

/** Unknown words in the name have no effect. Waits are limited to ten minutes. */
export const parseBehaviour = (model: string): Behaviour => {
  const words = model.toLowerCase().split('-')
  const settings: Record<string, number | boolean> = {}
  for (const [index, word] of words.entries()) {
    const number = Number(words[index + 1] || Number.NaN)
    if (flags.has(word)) settings[word] = true
    else if (numbers.has(word) && Number.isInteger(number)) settings[word] = Math.min(number, maxWait)
  }
  return { tools: false, reasoning: false, json: false, silent: false, delay: 0, pace: 0, ...settings }
}
