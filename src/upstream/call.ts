/** One attempt: sends the request to the vendor and waits for the head of its answer. */
import { GatewayError } from '../errors.ts'
import type { Target } from '../providers/entry.ts'
import type { Outgoing, Wire } from '../providers/provider.ts'
import { Deadline } from './deadline.ts'
import { originOf, type ProxyOption, proxyFor } from './proxy.ts'
import { createReach } from './reach.ts'

/** Seconds an attempt is given. */
export type Terms = {
  connect: number
  firstByte: number
  /** The first-byte time bounds the whole answer: an entry's `timeout` for a request that is not streamed. */
  whole: boolean
}

/** What is sent: text, or the bytes of an upload as they come in. */
export type Payload = string | ReadableStream<Uint8Array> | Uint8Array

/** The head of an answer; its body is the reader's to read or to stop. */
export type Answered = { response: Response; deadline: Deadline; stop: () => void }

/** An attempt under way: `stop` ends it at once, in whatever phase. */
export type Attempt = { answered: Promise<Answered>; stop: () => void }

const reach = createReach()
/** A kept connection that has died tells so within a round trip; later the vendor may have begun to work. */
const staleWithin = 5_000
/** Longer than servers keep an idle connection. */
const keptFor = 15 * 60_000

/** @throws (in `answered`) GatewayError `upstream_timeout` or `upstream_failed`. */
export const call = (outgoing: Outgoing, payload: Payload, target: Target, wire: Wire, terms: Terms): Attempt => {
  const controller = new AbortController()
  const deadline = new Deadline(() => controller.abort())
  const stop = () => {
    deadline.clear()
    controller.abort()
  }
  const send = wire.exchange
    ? () => wire.exchange!(outgoing, target, controller.signal)
    : () => sendHttp(outgoing, payload, target, controller.signal, terms, deadline)
  deadline.arm(terms.whole ? 'answer' : 'first byte', terms.firstByte)
  return { answered: settle(send, deadline, stop), stop }
}

const settle = async (send: () => Promise<Response>, deadline: Deadline, stop: () => void): Promise<Answered> => {
  try {
    return { response: await send(), deadline, stop }
  } catch (thrown) {
    deadline.clear()
    throw deadline.expired ?? unreachable(thrown)
  }
}

const sendHttp = async (
  outgoing: Outgoing,
  payload: Payload,
  target: Target,
  signal: AbortSignal,
  terms: Terms,
  deadline: Deadline,
): Promise<Response> => {
  const origin = originOf(outgoing.url)
  const began = performance.now()
  const found = proxyFor(outgoing.url, target.entry.proxy)
  const proxy = found instanceof Promise ? await found : found
  deadline.look(terms.connect / 2, () => void checkReach(origin, proxy, terms.connect, deadline))
  const { headers } = outgoing
  // Without `timeout: false` Bun ends whatever has been silent for five minutes; the deadlines here are ours.
  const options = { method: 'POST', headers, body: payload, signal, redirect: 'manual', proxy, timeout: false }
  const send = () => fetch(outgoing.url, options as unknown as RequestInit)
  const response = await send().catch(thrown => {
    if (typeof payload !== 'string' || !isStale(thrown, origin, began, signal)) throw thrown
    return send()
  })
  reach.heard(origin)
  return response
}

/** Fetch tells nothing of connecting: half-way through the connect deadline somebody looks whether the vendor can be reached at all. */
const checkReach = async (origin: string, proxy: ProxyOption, connect: number, deadline: Deadline) => {
  const reached = await reach.probe(origin, proxy, (connect / 2) * 1000)
  if (!reached) deadline.expireIfWaiting('connect', connect)
}

/** Bun does not resend a POST whose kept connection had died unnoticed: nothing reached the vendor, so once more is safe. */
const isStale = (thrown: unknown, origin: string, began: number, signal: AbortSignal): boolean => {
  const now = performance.now()
  const answeredAt = reach.heardAt(origin)
  return (
    !signal.aborted &&
    answeredAt !== undefined &&
    now - answeredAt < keptFor &&
    now - began < staleWithin &&
    ['ECONNRESET', 'ConnectionClosed', 'EPIPE'].includes(codeOf(thrown))
  )
}

/** The error of fetch carries the whole URL, keys included: only its code goes on. */
const unreachable = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  const code = codeOf(thrown)
  const detail = neverSent.has(code) ? { unsent: true } : {}
  return new GatewayError('upstream_failed', `the vendor could not be reached${code && ` (${code})`}`, detail)
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
