/**
 * Frame templates. Most frames of a stream differ from the frame before only in their text delta. The template of a
 * frame is what surrounds its text, in the frame and in the output for it. If the next frame has the same surroundings,
 * its output is that of the frame before with the new text in place, and nothing has to be parsed.
 * `byte-template.ts` applies templates to pieces of a vendor's body before they are decoded, for every pipe that has
 * `lastDelta`. `templated-pipe.ts` applies them to decoded frames, so it also serves pieces that hold several frames or
 * a part of one.
 */

/** What a pipe says of the frame pushed last, if the frame held one text delta and nothing else. */
export type TextDelta = {
  /** The text, without escapes. */
  text: string
  /**
   * The pipe keeps the text of deltas. Those that bypassed `push` are pushed later, combined into one, and the output of
   * that push is discarded.
   */
  isRetained: boolean
  /** What else may differ between such frames. */
  volatileFields?: VolatileFields | undefined
}

/**
 * Parts of a frame that vary without meaning: all figures after the text `precededBy`, which stands after the delta, or
 * the one string that follows that text.
 */
export type VolatileFields = { kind: 'figures' | 'string'; precededBy: string }

/** What a wire says of its text deltas, so that frames translated to it or from it can use templates. */
export type DeltaTraits = {
  /** Whether the text of deltas is forgotten once they are rendered or parsed, or gathered. */
  textRetention: 'forgotten' | 'gathered'
  volatileFields?: VolatileFields
}

/** After this many captured templates in a row without a match, the frames of the stream count as too different. */
export const maxMisses = 32

/** What surrounds the text of a frame and of its output. */
export type Surroundings = { head: string; tail: string; before: string; behind: string }

/**
 * Cuts the text out of a frame and of its output. Undefined if it does not occur exactly once in each of them.
 * @param quoted the text in quotes, as it stands in both
 */
export const cutAround = (frame: string, output: string, quoted: string): Surroundings | undefined => {
  const at = onlyOccurrence(frame, quoted)
  const outputAt = onlyOccurrence(output, quoted)
  if (at < 0 || outputAt < 0) return undefined
  const end = quoted.length - 1
  return {
    head: frame.slice(0, at + 1),
    tail: frame.slice(at + end),
    before: output.slice(0, outputAt + 1),
    behind: output.slice(outputAt + end),
  }
}

/** Returns the position of `searched` in `text`, or -1 if it is missing or occurs twice. */
const onlyOccurrence = (text: string, searched: string): number => {
  const at = text.indexOf(searched)
  return at >= 0 && text.indexOf(searched, at + 1) < 0 ? at : -1
}
