/** A base for pipes that add something to another pipe. */

import type { GatewayError } from '../../base/errors.ts'
import type { Frame, StreamPipe, StreamState, VolatileFields } from '../protocol.ts'

/**
 * A pipe around another one. It passes every call on by name, so the wrapped pipe may be an object or an instance of a
 * class. A subclass overrides the methods it changes.
 */
export class PipeWrapper implements StreamPipe {
  readonly state: StreamState
  readonly volatileFields: VolatileFields | undefined
  /** Absent if the wrapped pipe has none. */
  readonly textDelta?: () => string | undefined

  constructor(protected readonly inner: StreamPipe) {
    this.state = inner.state
    this.volatileFields = inner.volatileFields
    if (inner.textDelta) this.textDelta = inner.textDelta.bind(inner)
  }

  retainsText(): boolean {
    return this.inner.retainsText?.() ?? false
  }

  push(frame: Frame): string {
    return this.inner.push(frame)
  }

  flush(): string {
    return this.inner.flush()
  }

  end(): string {
    return this.inner.end()
  }

  fail(error: GatewayError): string {
    return this.inner.fail(error)
  }
}
