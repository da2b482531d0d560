/** A base for pipes that add something to another pipe. */

import type { GatewayError } from '../../base/errors.ts'
import type { Frame, StreamPipe, StreamState } from '../protocol.ts'

/**
 * A pipe around another one. It passes every call on by name, so the wrapped pipe may be an object or an instance of a
 * class. A subclass overrides the methods it changes. It gets every frame unless it has `lastDelta` of its own.
 */
export class PipeWrapper implements StreamPipe {
  readonly state: StreamState

  constructor(protected readonly inner: StreamPipe) {
    this.state = inner.state
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
