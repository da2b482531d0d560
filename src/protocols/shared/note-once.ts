/** A stream repeats itself: what it cannot carry is reported once per path, and not with every frame. */
import type { Exchange, NoteLoss } from '../protocol.ts'

/** Creates a function that reports only the first loss of each path. One per stream. */
export const createNoteOnce = (exchange: Pick<Exchange, 'loss'>): NoteLoss => {
  const notedPaths = new Set<string>()
  return (path, reason) => {
    if (!notedPaths.has(path)) exchange.loss(path, reason)
    notedPaths.add(path)
  }
}
