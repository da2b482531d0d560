/** The connection on which Bun's server received a request. */
import type { Server } from 'bun'
import type { Connection } from '../gateway/handle.ts'
import type { Runtime } from '../gateway/runtime.ts'

/** Bytes per second that a client on a slow connection reads. */
const minBytesPerSecond = 64 * 1024
/** Seconds: the longest timeout that Bun's server has. */
const maxTimeout = 255

export class ServerConnection implements Connection {
  #isDisabled = false

  /** @param idleTimeout seconds that a connection may be idle */
  constructor(
    private readonly request: Request,
    private readonly server: Server<unknown> | null,
    private readonly runtime: Pick<Runtime, 'clientAddresses'>,
    private readonly idleTimeout: number,
  ) {}

  disableTimeout(): void {
    this.#isDisabled = true
    this.server?.timeout(this.request, 0)
  }

  restoreTimeout(bytes = 0): void {
    if (!this.#isDisabled) return
    this.#isDisabled = false
    const seconds = this.idleTimeout + Math.ceil(bytes / minBytesPerSecond)
    this.server?.timeout(this.request, Math.min(seconds, maxTimeout))
  }

  closeSoon(): void {
    this.server?.timeout(this.request, 1)
  }

  address(): string | undefined {
    return this.runtime.clientAddresses.find(this.request.headers, peerAddress(this.request, this.server)).address
  }
}

/** The address of the other end of the connection: the client, or the last proxy. */
export const peerAddress = (request: Request, server: Server<unknown> | null): string | undefined =>
  server?.requestIP(request)?.address
