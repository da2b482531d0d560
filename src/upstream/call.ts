/** One attempt: sends the request to the vendor and waits for the response headers. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { UpstreamRequest, Wire } from '../providers/provider.ts'
import type { VendorConnections } from './connection/connections.ts'
import { originOf, type ProxyOption } from './connection/proxy.ts'
import { describeRefusal } from './connection/socks-bridge.ts'
import { trackUploadTurns } from './connection/upload-turns.ts'
import { Deadline } from './deadline.ts'
import { inflateResponse } from './inflate.ts'

/** The timeouts of an attempt, in seconds. */
type CallTimeouts = {
  connect: number
  firstByte: number
  /** Maximum time between two pieces of a streamed upload. The first-byte timeout starts once the upload is sent. */
  idle: number
  /**
   * The first-byte timeout covers the whole response. Set for a request that is not streamed if its entry has a
   * `timeout`.
   */
  coversWholeResponse: boolean
  /** Maximum time from the headers to the end of an answer that is not a stream. */
  total: number
}

/** The request body: text, bytes, or an upload that is streamed as it arrives. */
export type Payload = string | ReadableStream<Uint8Array> | Uint8Array | undefined

/**
 * Milliseconds within which a reused connection that had died reports its error: a round trip. A later error may mean
 * that the vendor had already begun to work.
 */
const staleConnectionWindow = 1_000

/** The response headers. The caller reads the body, or cancels it with `stop`. */
export interface UpstreamResponse {
  readonly response: Response
  readonly deadline: Deadline
  stop(): void
}

interface UpstreamCallOptions {
  /** The signed request. */
  request: UpstreamRequest
  payload: Payload
  target: Target
  wire: Wire
  timeouts: CallTimeouts
  connections: VendorConnections
}

/** One request to a vendor. It is created for every request, so it keeps its state in one object with few closures. */
export class UpstreamCall implements UpstreamResponse {
  readonly deadline = new Deadline(this)
  response!: Response
  readonly #controller = new AbortController()
  #origin = ''
  #proxy: ProxyOption = false
  /** True until the headers have arrived or the call has failed. */
  #isWaiting = true
  /** The pool to which the connection returns after the response. Empty if the connection belongs to no pool. */
  #poolKey = ''
  /** When the request was sent on a reused connection, which may have died unnoticed. */
  #reusedAt = Number.NEGATIVE_INFINITY
  /** A reused connection had died: the request is sent once more, on a new one. */
  #needsNewConnection = false

  constructor(private readonly options: UpstreamCallOptions) {}

  /** Aborts the call immediately, in any phase. */
  stop(): void {
    this.#isWaiting = false
    this.#controller.abort()
    this.deadline.clear()
  }

  /** Called when the response body has been read to its end. */
  onComplete(): void {
    if (this.#poolKey === '' || this.#controller.signal.aborted || this.#needsNewConnection) return
    const isKeptAlive = !/close/i.test(this.response.headers.get('connection') ?? '')
    if (isKeptAlive) this.options.connections.idleConnections.release(this.#poolKey)
  }

  /** Called when a deadline has passed. */
  onExpired(): void {
    this.#controller.abort()
  }

  /** Waits for the response headers. @throws GatewayError `upstream_timeout` or `upstream_failed` */
  async waitForHeaders(): Promise<void> {
    const { coversWholeResponse, firstByte, total } = this.options.timeouts
    this.deadline.arm(coversWholeResponse ? 'answer' : 'first byte', firstByte)
    for (;;) {
      try {
        this.response = inflateResponse(await this.#send())
        if (this.#poolKey !== '') this.#onHeaders()
        this.deadline.limitTotal(total)
        this.#isWaiting = false
        return
      } catch (thrown) {
        if (this.#isStaleConnectionError(thrown)) {
          this.#needsNewConnection = true
          continue
        }
        this.#isWaiting = false
        this.deadline.clear()
        throw this.deadline.expired ?? unreachableError(thrown, this.#proxy)
      }
    }
  }

  /** Called when the next piece of a streamed upload has to come from the client. */
  onClientTurn(): void {
    if (this.#isWaiting) this.deadline.rearm(this.options.timeouts.idle, 'upload')
  }

  /** Called when the vendor has to accept what was sent, and then to respond. */
  onVendorTurn(): void {
    const { coversWholeResponse, firstByte } = this.options.timeouts
    if (this.#isWaiting) this.deadline.rearm(firstByte, coversWholeResponse ? 'answer' : 'first byte')
  }

  async #send(): Promise<Response> {
    const { request, target, wire, connections } = this.options
    if (wire.transport) return wire.transport(request, target, this.#controller.signal)
    return this.#fetch(await connections.proxies.proxyFor(request.url, target.entry.proxy))
  }

  #fetch(proxy: ProxyOption): Promise<Response> {
    const { request, payload, timeouts, connections } = this.options
    const { url, headers, method = 'POST' } = request
    this.#origin = originOf(url)
    this.#proxy = proxy
    this.#poolKey = proxy === false ? this.#origin : `${this.#origin} ${proxy.url}`
    const keepalive = !this.#needsNewConnection
    const mayReuse = keepalive && connections.idleConnections.take(this.#poolKey)
    this.#reusedAt = mayReuse ? performance.now() : Number.NEGATIVE_INFINITY
    this.deadline.scheduleCheck(timeouts.connect / 2)
    const body = payload instanceof ReadableStream ? trackUploadTurns(payload, this) : payload
    if (!headers.has('accept-encoding')) headers.set('accept-encoding', 'identity')
    // Without `timeout: false` Bun aborts a connection that is silent for five minutes. The deadlines of the gateway
    // apply instead. `decompress: false`: Bun inflates without a bound.
    const signal = this.#controller.signal
    const options = { redirect: 'manual', timeout: false, decompress: false, signal, proxy, keepalive }
    return fetch(url, { method, headers, body, ...options } as unknown as RequestInit)
  }

  #onHeaders(): void {
    throwBridgeRefusal(this.response, this.#proxy)
    this.options.connections.connectProbe.markAlive(this.#origin, this.#proxy)
  }

  /**
   * Bun does not resend a POST if its reused connection had died unnoticed. Nothing reached the vendor in that case, so
   * one retry is safe. A new connection may have delivered the request, so there is no retry.
   */
  #isStaleConnectionError(thrown: unknown): boolean {
    const isWithinWindow = performance.now() - this.#reusedAt < staleConnectionWindow
    this.#reusedAt = Number.NEGATIVE_INFINITY
    return (
      isWithinWindow &&
      !this.#controller.signal.aborted &&
      typeof this.options.payload === 'string' &&
      isConnectionReset(thrown)
    )
  }

  /**
   * `fetch` does not report when it has connected. Half-way through the connect deadline a probe therefore checks
   * whether the vendor can be reached at all.
   */
  onCheck(): void {
    const { timeouts, connections } = this.options
    const { connect } = timeouts
    const { connectProbe } = connections
    void connectProbe.probe(this.#origin, this.#proxy, (connect / 2) * 1000).then(isReachable => {
      if (!isReachable) this.deadline.expireIfWaiting('connect', connect)
    })
  }
}

const isConnectionReset = (thrown: unknown): boolean =>
  ['ECONNRESET', 'ConnectionClosed', 'EPIPE'].includes(errorCodeOf(thrown))

/** @throws GatewayError if the gateway's own SOCKS bridge answered instead of the vendor */
const throwBridgeRefusal = ({ headers }: Response, proxy: ProxyOption): void => {
  const refusal = proxy !== false && proxy.bridge ? headers.get(proxy.bridge.refusalHeader) : null
  if (refusal === null) return
  const reason = describeRefusal(refusal) ?? 'the bridge to the SOCKS proxy refused the request'
  throw new GatewayError('upstream_failed', reason, { unsent: true })
}

/** The error of `fetch` contains the whole URL, including keys. Only its code is reported. */
const unreachableError = (thrown: unknown, proxy: ProxyOption): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = errorCodeOf(thrown)
  const detail = neverConnectedCodes.has(code) ? { unsent: true } : {}
  if (code === 'ERR_PROXY_TUNNEL')
    return new GatewayError('upstream_failed', tunnelRefusalReason(thrown, proxy), detail)
  const unreachedParty = proxy !== false && neverConnectedCodes.has(code) ? 'proxy' : 'vendor'
  return new GatewayError(
    'upstream_failed',
    `the ${unreachedParty} could not be reached${code && ` (${code})`}`,
    detail,
  )
}

const tunnelRefusalReason = (thrown: unknown, proxy: ProxyOption): string => {
  const reason =
    proxy !== false && proxy.bridge && thrown instanceof Error ? describeRefusal(thrown.message) : undefined
  return reason ?? 'the proxy refused the way to the vendor'
}

/** Error codes of a connection that was never established. */
const neverConnectedCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ConnectionRefused',
  'FailedToOpenSocket',
  'ERR_PROXY_TUNNEL',
])

/** The error for a connection that broke during the response. */
export const connectionError = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = errorCodeOf(thrown)
  return new GatewayError('upstream_failed', `the connection to the vendor was lost${code && ` (${code})`}`)
}

const errorCodeOf = (thrown: unknown): string => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : ''
}
