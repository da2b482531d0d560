/** One attempt: sends the request to the vendor and waits for the head of its answer. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { UpstreamRequest, Wire } from '../providers/provider.ts'
import { createConnectProbe } from './connection/connect-probe.ts'
import { createIdleConnections } from './connection/idle-connections.ts'
import { originOf, type ProxyOption, proxyFor } from './connection/proxy.ts'
import { describeRefusal } from './connection/socks-bridge.ts'
import { trackUploadTurns } from './connection/upload-turns.ts'
import { Deadline } from './deadline.ts'

/** Seconds an attempt is given. */
export type CallTimeouts = {
  connect: number
  firstByte: number
  /** For each next piece of a client's upload, which is streamed; the first-byte time begins when all of it is sent. */
  idle: number
  /** The first-byte time bounds the whole answer: an entry's `timeout` for a request that is not streamed. */
  coversWholeResponse: boolean
}

/** What is sent: text, or the bytes of an upload as they come in. */
export type Payload = string | ReadableStream<Uint8Array> | Uint8Array | undefined

const connectProbe = createConnectProbe()
const idleConnections = createIdleConnections()
/** A kept connection that has died tells so within a round trip; later the vendor may have begun to work. */
const staleConnectionWindow = 1_000

/** The head of an answer; its body is the reader's to read, or to `stop`. */
export interface UpstreamResponse {
  readonly response: Response
  readonly deadline: Deadline
  stop(): void
}

/** One request to a vendor. State in one object and few closures: it is made for every request. */
export class UpstreamCall implements UpstreamResponse {
  readonly deadline = new Deadline(this)
  response!: Response
  readonly #controller = new AbortController()
  #origin = ''
  #proxy: ProxyOption = false
  /** Neither is its head here nor has it failed. */
  #isWaiting = true
  /** Where its connection lies idle once it has been answered; '' where it has none of its own. */
  #poolKey = ''
  /** When it was sent on a connection that may have died unnoticed. */
  #reusedAt = Number.NEGATIVE_INFINITY

  constructor(
    private readonly request: UpstreamRequest,
    private readonly payload: Payload,
    private readonly target: Target,
    private readonly wire: Wire,
    private readonly timeouts: CallTimeouts,
  ) {}

  /** Ends it at once, in whatever phase. */
  stop(): void {
    this.#isWaiting = false
    this.#controller.abort()
    this.deadline.clear()
  }

  /** The answer has been read to its end. */
  onComplete(): void {
    if (this.#poolKey === '' || this.#controller.signal.aborted) return
    const isKeptAlive = !/close/i.test(this.response.headers.get('connection') ?? '')
    if (isKeptAlive) idleConnections.release(this.#poolKey)
  }

  /** A deadline has passed. */
  onExpired(): void {
    this.#controller.abort()
  }

  /** Waits for the head of the answer. @throws GatewayError `upstream_timeout` or `upstream_failed`. */
  async waitForHeaders(): Promise<void> {
    const { coversWholeResponse, firstByte } = this.timeouts
    this.deadline.arm(coversWholeResponse ? 'answer' : 'first byte', firstByte)
    for (;;) {
      try {
        this.response = await this.#send()
        if (this.#poolKey !== '') this.#onHeaders()
        this.#isWaiting = false
        return
      } catch (thrown) {
        if (this.#isStaleConnectionError(thrown)) continue
        this.#isWaiting = false
        this.deadline.clear()
        throw this.deadline.expired ?? unreachableError(thrown, this.#proxy)
      }
    }
  }

  /** Of an upload that is streamed the next piece has to come. */
  onClientTurn(): void {
    if (this.#isWaiting) this.deadline.rearm(this.timeouts.idle, 'upload')
  }

  /** The vendor has to take what was sent, and to answer. */
  onVendorTurn(): void {
    const { coversWholeResponse, firstByte } = this.timeouts
    if (this.#isWaiting) this.deadline.rearm(firstByte, coversWholeResponse ? 'answer' : 'first byte')
  }

  /** Not an async function, nor are those it calls: a promise more is dear where every request passes. */
  #send(): Promise<Response> {
    const { transport } = this.wire
    if (transport) return transport(this.request, this.target, this.#controller.signal)
    const proxy = proxyFor(this.request.url, this.target.entry.proxy)
    return proxy instanceof Promise ? this.#fetchThrough(proxy) : this.#fetch(proxy)
  }

  async #fetchThrough(proxy: Promise<ProxyOption>): Promise<Response> {
    return this.#fetch(await proxy)
  }

  #fetch(proxy: ProxyOption): Promise<Response> {
    const { url, headers, method = 'POST' } = this.request
    this.#origin = originOf(url)
    this.#proxy = proxy
    this.#poolKey = proxy === false ? this.#origin : `${this.#origin} ${proxy.url}`
    this.#reusedAt = idleConnections.take(this.#poolKey) ? performance.now() : Number.NEGATIVE_INFINITY
    this.deadline.scheduleCheck(this.timeouts.connect / 2)
    const body = this.payload instanceof ReadableStream ? trackUploadTurns(this.payload, this) : this.payload
    // Without `timeout: false` Bun ends whatever has been silent for five minutes; the deadlines here are ours.
    const options = { redirect: 'manual', timeout: false, signal: this.#controller.signal, proxy }
    return fetch(url, { method, headers, body, ...options } as unknown as RequestInit)
  }

  #onHeaders(): void {
    throwBridgeRefusal(this.response, this.#proxy)
    connectProbe.markAlive(this.#origin)
  }

  /** Bun does not resend a POST whose kept connection had died unnoticed: nothing reached the vendor, so once more is safe. On a new one it may have. */
  #isStaleConnectionError(thrown: unknown): boolean {
    const isWithinWindow = performance.now() - this.#reusedAt < staleConnectionWindow
    this.#reusedAt = Number.NEGATIVE_INFINITY
    return (
      isWithinWindow &&
      !this.#controller.signal.aborted &&
      typeof this.payload === 'string' &&
      isConnectionReset(thrown)
    )
  }

  /** Fetch tells nothing of connecting: half-way through the connect deadline somebody looks whether the vendor can be reached at all. */
  onCheck(): void {
    const { connect } = this.timeouts
    void connectProbe.probe(this.#origin, this.#proxy, (connect / 2) * 1000).then(isReachable => {
      if (!isReachable) this.deadline.expireIfWaiting('connect', connect)
    })
  }
}

const isConnectionReset = (thrown: unknown): boolean =>
  ['ECONNRESET', 'ConnectionClosed', 'EPIPE'].includes(errorCodeOf(thrown))

/** @throws GatewayError where our own bridge to a SOCKS proxy answered in place of the vendor. */
const throwBridgeRefusal = ({ headers }: Response, proxy: ProxyOption): void => {
  const refusal = proxy !== false && proxy.bridge ? headers.get(proxy.bridge.refusalHeader) : null
  if (refusal === null) return
  const reason = describeRefusal(refusal) ?? 'the bridge to the SOCKS proxy refused the request'
  throw new GatewayError('upstream_failed', reason, { unsent: true })
}

/** The error of fetch carries the whole URL, keys included: only its code goes on. */
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

/** Codes of a connection that was never made. */
const neverConnectedCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ConnectionRefused',
  'FailedToOpenSocket',
  'ERR_PROXY_TUNNEL',
])

/** The connection broke while the answer came. */
export const connectionError = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = errorCodeOf(thrown)
  return new GatewayError('upstream_failed', `the connection to the vendor was lost${code && ` (${code})`}`)
}

const errorCodeOf = (thrown: unknown): string => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : ''
}
