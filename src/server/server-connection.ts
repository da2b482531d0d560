/** The connection on which Bun's server received a request. */
import type { Server } from 'bun'
import type { Connection } from '../gateway/handle.ts'
import type { Runtime } from '../gateway/runtime.ts'

export class ServerConnection implements Connection {
  constructor(
    private readonly request: Request,
    private readonly server: Server<unknown> | null,
    private readonly runtime: Pick<Runtime, 'clientAddresses'>,
  ) {}

  disableTimeout(): void {
    this.server?.timeout(this.request, 0)
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
