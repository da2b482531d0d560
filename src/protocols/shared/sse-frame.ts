/** Server-sent events as text. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Frame } from '../protocol.ts'

/** Renders one frame as text on the wire. A line break in `data` starts another `data:` line. */
export const renderFrame = ({ event, data }: Frame): string => {
  const lines = data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data
  return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`
}
