/** One attempt: sends the request to the vendor and waits for the head of its answer. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { UpstreamRequest, Wire } from '../providers/provider.ts'
import { createConnectProbe } from './connection/connect-probe.ts'
import { createIdleConnections } from './connection/idle-connections.ts'
import { originOf, type ProxyOption, proxyFor } from './connection/proxy.ts'
import { sentenceOf } from './connection/socks-bridge.ts'
import { trackUploadTurns } from './connection/upload-turns.ts'
import { Deadline } from './deadline.ts'

/** Seconds an attempt is given. */
export type CallTimeouts = {
  connect: number
  firstByte: number
  /** For each next piece of a client's upload, which is streamed; the first-byte time begins when all of it is sent. */
  idle: number
  /** The first-byte time bounds the whole answer: an entry's `timeout` for a request that is not streamed. */
  whole: boolean
}

/** What is sent: text, or the bytes of an upload as they come in. */
export type Payload = string | ReadableStream<Uint8Array> | Uint8Array | undefined

const reach = createConnectProbe()
const spare = createIdleConnections()
/** A kept connection that has died tells so within a round trip; later the vendor may have begun to work. */
const staleWithin = 1_000

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
  #waiting = true
  /** Where its connection lies idle once it has been answered; '' where it has none of its own. */
  #door = ''
  /** When it was sent on a connection that may have died unnoticed. */
  #onSpareAt = Number.NEGATIVE_INFINITY

  constructor(
    private readonly outgoing: UpstreamRequest,
    private readonly payload: Payload,
    private readonly target: Target,
    private readonly wire: Wire,
    private readonly terms: CallTimeouts,
  ) {}

  /** Ends it at once, in whatever phase. */
  stop(): void {
    this.#waiting = false
    this.#controller.abort()
    this.deadline.clear()
  }

  /** The answer has been read to its end. */
  over(): void {
    if (this.#door === '' || this.#controller.signal.aborted) return
    const kept = !/close/i.test(this.response.headers.get('connection') ?? '')
    if (kept) spare.leave(this.#door)
  }

  /** A deadline has passed. */
  expired(): void {
    this.#controller.abort()
  }

  /** Waits for the head of the answer. @throws GatewayError `upstream_timeout` or `upstream_failed`. */
  async answered(): Promise<void> {
    const { whole, firstByte } = this.terms
    this.deadline.arm(whole ? 'answer' : 'first byte', firstByte)
    for (;;) {
      try {
        this.response = await this.#send()
        if (this.#door !== '') this.#heard()
        this.#waiting = false
        return
      } catch (thrown) {
        if (this.#diedUnnoticed(thrown)) continue
        this.#waiting = false
        this.deadline.clear()
        throw this.deadline.expired ?? unreachable(thrown, this.#proxy)
      }
    }
  }

  /** Of an upload that is streamed the next piece has to come. */
  client(): void {
    if (this.#waiting) this.deadline.armAgain(this.terms.idle, 'upload')
  }

  /** The vendor has to take what was sent, and to answer. */
  vendor(): void {
    const { whole, firstByte } = this.terms
    if (this.#waiting) this.deadline.armAgain(firstByte, whole ? 'answer' : 'first byte')
  }

  /** Not an async function, nor are those it calls: a promise more is dear where every request passes. */
  #send(): Promise<Response> {
    const { exchange } = this.wire
    if (exchange) return exchange(this.outgoing, this.target, this.#controller.signal)
    const proxy = proxyFor(this.outgoing.url, this.target.entry.proxy)
    return proxy instanceof Promise ? this.#fetchThrough(proxy) : this.#fetch(proxy)
  }

  async #fetchThrough(proxy: Promise<ProxyOption>): Promise<Response> {
    return this.#fetch(await proxy)
  }

  #fetch(proxy: ProxyOption): Promise<Response> {
    const { url, headers, method = 'POST' } = this.outgoing
    this.#origin = originOf(url)
    this.#proxy = proxy
    this.#door = proxy === false ? this.#origin : `${this.#origin} ${proxy.url}`
    this.#onSpareAt = spare.take(this.#door) ? performance.now() : Number.NEGATIVE_INFINITY
    this.deadline.lookIn(this.terms.connect / 2)
    const body = this.payload instanceof ReadableStream ? trackUploadTurns(this.payload, this) : this.payload
    // Without `timeout: false` Bun ends whatever has been silent for five minutes; the deadlines here are ours.
    const manner = { redirect: 'manual', timeout: false, signal: this.#controller.signal, proxy }
    return fetch(url, { method, headers, body, ...manner } as unknown as RequestInit)
  }

  #heard(): void {
    refuseBridged(this.response, this.#proxy)
    reach.heard(this.#origin)
  }

  /** Bun does not resend a POST whose kept connection had died unnoticed: nothing reached the vendor, so once more is safe. On a new one it may have. */
  #diedUnnoticed(thrown: unknown): boolean {
    const isSoon = performance.now() - this.#onSpareAt < staleWithin
    this.#onSpareAt = Number.NEGATIVE_INFINITY
    return isSoon && !this.#controller.signal.aborted && typeof this.payload === 'string' && isLost(thrown)
  }

  /** Fetch tells nothing of connecting: half-way through the connect deadline somebody looks whether the vendor can be reached at all. */
  look(): void {
    const { connect } = this.terms
    void reach.probe(this.#origin, this.#proxy, (connect / 2) * 1000).then(reached => {
      if (!reached) this.deadline.expireIfWaiting('connect', connect)
    })
  }
}

const isLost = (thrown: unknown): boolean => ['ECONNRESET', 'ConnectionClosed', 'EPIPE'].includes(codeOf(thrown))

/** @throws GatewayError where our own bridge to a SOCKS proxy answered in place of the vendor. */
const refuseBridged = ({ headers }: Response, proxy: ProxyOption): void => {
  const told = proxy !== false && proxy.bridge ? headers.get(proxy.bridge.refusal) : null
  if (told === null) return
  const why = sentenceOf(told) ?? 'the bridge to the SOCKS proxy refused the request'
  throw new GatewayError('upstream_failed', why, { unsent: true })
}

/** The error of fetch carries the whole URL, keys included: only its code goes on. */
const unreachable = (thrown: unknown, proxy: ProxyOption): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = codeOf(thrown)
  const detail = neverSent.has(code) ? { unsent: true } : {}
  if (code === 'ERR_PROXY_TUNNEL') return new GatewayError('upstream_failed', tunnelRefusal(thrown, proxy), detail)
  const whom = proxy !== false && neverSent.has(code) ? 'proxy' : 'vendor'
  return new GatewayError('upstream_failed', `the ${whom} could not be reached${code && ` (${code})`}`, detail)
}

const tunnelRefusal = (thrown: unknown, proxy: ProxyOption): string => {
  const why = proxy !== false && proxy.bridge && thrown instanceof Error ? sentenceOf(thrown.message) : undefined
  return why ?? 'the proxy refused the way to the vendor'
}

/** Codes of a connection that was never made. */
const neverSent = new Set([
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
  const code = codeOf(thrown)
  return new GatewayError('upstream_failed', `the connection to the vendor was lost${code && ` (${code})`}`)
}

const codeOf = (thrown: unknown): string => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : ''
}
