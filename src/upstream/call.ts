/** One attempt: sends the request to the vendor and waits for the head of its answer. */
import { GatewayError } from '../errors.ts'
import type { Target } from '../providers/entry.ts'
import type { Outgoing, Wire } from '../providers/provider.ts'
import { sentenceOf } from './bridge.ts'
import { Deadline } from './deadline.ts'
import { originOf, type ProxyOption, proxyFor } from './proxy.ts'
import { createReach } from './reach.ts'
import { takingTurns } from './sending.ts'
import { createSpare } from './spare.ts'

/** Seconds an attempt is given. */
export type Terms = {
  connect: number
  firstByte: number
  /** For each next piece of a client's upload, which is streamed; the first-byte time begins when all of it is sent. */
  idle: number
  /** The first-byte time bounds the whole answer: an entry's `timeout` for a request that is not streamed. */
  whole: boolean
}

/** What is sent: text, or the bytes of an upload as they come in. */
export type Payload = string | ReadableStream<Uint8Array> | Uint8Array | undefined

const reach = createReach()
const spare = createSpare()
/** A kept connection that has died tells so within a round trip; later the vendor may have begun to work. */
const staleWithin = 1_000

/** The head of an answer; its body is the reader's to read, or to `stop`. */
export type Answered = { response: Response; deadline: Deadline; stop: () => void }

/** One request to a vendor. State in one object and few closures: it is made for every request. */
export class Call implements Answered {
  readonly deadline = new Deadline(this)
  response!: Response
  readonly #controller = new AbortController()
  #origin = ''
  #proxy: ProxyOption = false
  /** Neither is its head here nor has it failed. */
  #waiting = true
  /** Where its connection lies idle once it has been answered. */
  #door = ''

  constructor(
    private readonly outgoing: Outgoing,
    private readonly payload: Payload,
    private readonly target: Target,
    private readonly wire: Wire,
    private readonly terms: Terms,
  ) {}

  /** Ends it at once, in whatever phase. */
  readonly stop = (): void => {
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
  async answered(): Promise<Answered> {
    const { whole, firstByte } = this.terms
    this.deadline.arm(whole ? 'answer' : 'first byte', firstByte)
    try {
      this.response = await this.#send()
      this.#waiting = false
      return this
    } catch (thrown) {
      this.#waiting = false
      this.deadline.clear()
      throw this.deadline.expired ?? unreachable(thrown, this.#proxy)
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

  #send(): Promise<Response> {
    const { exchange } = this.wire
    return exchange ? exchange(this.outgoing, this.target, this.#controller.signal) : this.#sendHttp()
  }

  async #sendHttp(): Promise<Response> {
    const { url, headers } = this.outgoing
    const { signal } = this.#controller
    const proxy = proxyFor(url, this.target.entry.proxy)
    this.#origin = originOf(url)
    this.#proxy = proxy instanceof Promise ? await proxy : proxy
    this.#door = this.#proxy === false ? this.#origin : `${this.#origin} ${this.#proxy.url}`
    const wasSpare = spare.take(this.#door)
    const began = performance.now()
    this.deadline.lookIn(this.terms.connect / 2)
    // Without `timeout: false` Bun ends whatever has been silent for five minutes; the deadlines here are ours.
    const manner = { method: this.outgoing.method ?? 'POST', redirect: 'manual', timeout: false }
    const options = { ...manner, headers, body: this.#body(), signal, proxy: this.#proxy } as unknown as RequestInit
    let response: Response
    try {
      response = await fetch(url, options)
    } catch (thrown) {
      if (!wasSpare || typeof this.payload !== 'string' || !isStale(thrown, began, signal)) throw thrown
      response = await fetch(url, options)
    }
    refuseBridged(response, this.#proxy)
    reach.heard(this.#origin)
    return response
  }

  #body(): Payload {
    return this.payload instanceof ReadableStream ? takingTurns(this.payload, this) : this.payload
  }

  /** Fetch tells nothing of connecting: half-way through the connect deadline somebody looks whether the vendor can be reached at all. */
  look(): void {
    const { connect } = this.terms
    void reach.probe(this.#origin, this.#proxy, (connect / 2) * 1000).then(reached => {
      if (!reached) this.deadline.expireIfWaiting('connect', connect)
    })
  }
}

/** Bun does not resend a POST whose kept connection had died unnoticed: nothing reached the vendor, so once more is safe. On a new one it may have. */
const isStale = (thrown: unknown, began: number, signal: AbortSignal): boolean =>
  !signal.aborted &&
  performance.now() - began < staleWithin &&
  ['ECONNRESET', 'ConnectionClosed', 'EPIPE'].includes(codeOf(thrown))

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
export const broken = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = codeOf(thrown)
  return new GatewayError('upstream_failed', `the connection to the vendor was lost${code && ` (${code})`}`)
}

const codeOf = (thrown: unknown): string => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : ''
}
