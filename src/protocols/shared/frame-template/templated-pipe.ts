/** A pipe whose inner pipe does not get frames that match the template of the frame before. */
import type { Frame } from '../../protocol.ts'
import { PipeWrapper } from '../pipe-wrapper.ts'
import { cutAround, maxMisses, type Surroundings, type TextDelta } from './pattern.ts'

/**
 * Wraps a pipe that forwards the data of a text delta as it came, escapes included. A delta whose text the inner pipe
 * retains makes no template.
 */
export class TemplatedPipe extends PipeWrapper {
  #template: Surroundings | undefined
  /** The delta of the frame that made the template. */
  #delta: TextDelta | undefined
  /** The text of the last frame, as it stood in the frame; undefined if the frame reached the inner pipe. */
  #matchedText: string | undefined
  #misses = 0

  override push(frame: Frame): string {
    const matched = frame.event === undefined ? this.#match(frame.data) : undefined
    if (matched !== undefined) return matched
    const output = this.inner.push(frame)
    this.#template = undefined
    if (this.#misses < maxMisses) this.#capture(frame.data, output)
    return output
  }

  /** Of a frame that matched, its text: unless an escape in it needs a parser. */
  lastDelta(): TextDelta | undefined {
    const text = this.#matchedText
    if (text === undefined) return this.inner.lastDelta?.()
    return this.#delta && text !== '' && !text.includes('\\') ? { ...this.#delta, text } : undefined
  }

  #match(data: string): string | undefined {
    this.#matchedText = undefined
    if (this.#template === undefined) return undefined
    const { head, tail, before, behind } = this.#template
    const end = data.length - tail.length
    if (end < head.length || !data.startsWith(head) || !data.endsWith(tail)) return undefined
    // The text ends at the first quote, where the tail must begin. A text that contains a quote takes the normal path.
    if (data.indexOf('"', head.length) !== end || data.charCodeAt(end - 1) === BACKSLASH) return undefined
    this.#misses = 0
    this.#matchedText = data.slice(head.length, end)
    return before + this.#matchedText + behind
  }

  #capture(data: string, output: string): void {
    const delta = this.inner.lastDelta?.()
    if (delta === undefined || delta.isRetained || data.includes('\n')) return
    this.#misses++
    const found = cutAround(data, output, JSON.stringify(delta.text))
    // If the vendor escapes more than JSON demands, what was found may be another string, equal to the text.
    if (found === undefined || found.head.includes('\\') || found.tail.includes('\\')) return
    this.#template = found
    this.#delta = delta
  }
}

const BACKSLASH = 92
