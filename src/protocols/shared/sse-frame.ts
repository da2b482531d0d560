/** Server-sent events as text. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Exchange, Frame } from '../protocol.ts'

/** Renders one frame as text on the wire. A line break in `data` starts another `data:` line. */
export const renderFrame = ({ event, data }: Frame): string => {
  const lines = data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data
  return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`
}

/** A frame that is not recognised as content of an answer, without secrets in its data and in the name of its event. */
export const redactFrame = ({ event, data }: Frame, { redact }: Pick<Exchange, 'redact'>): Frame =>
  event === undefined ? { data: redact(data) } : { event: redact(event), data: redact(data) }
