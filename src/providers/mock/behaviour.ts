/** What the name of a mock model asks for: `mock-tools-pace-20`, `mock-delay-200-error-500`. */

export type Behaviour = {
  tools: boolean
  reasoning: boolean
  json: boolean
  /** Answers its headers and then nothing. */
  silent: boolean
  /** The HTTP status to fail with. */
  error?: number
  /** Milliseconds before the headers. */
  delay: number
  /** Milliseconds before each frame of a stream. */
  pace: number
  /** The stream ends after so many frames, without a finish; an unstreamed body ends in its middle. */
  cut?: number
}

const flags = new Set(['tools', 'reasoning', 'json', 'silent'])
const numbers = new Set(['error', 'delay', 'pace', 'cut'])
const maxWait = 600_000

/** Words it does not know are part of the name and ask for nothing. Waits are at most ten minutes. */
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
