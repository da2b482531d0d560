/** Plays the vendors of a world over HTTP, each on a port of its own, and notes every call. */
import { type Script, scriptedUpstream, type Upstream } from '../../test/support/scripted-upstream.ts'
import type { Reply, Verdict, WorldRequest } from './reply.ts'
import { createVendor, type Vendor } from './vendor.ts'
import type { World } from './worlds.ts'

/**
 * `at`: seconds since the world began; `nonce`: whose request it was. `cancelled`: the gateway left before a usable
 * answer was complete.
 */
export type VendorCall = {
  vendor: string
  key: number
  at: number
  nonce: string
  verdict: Verdict | 'cancelled'
  cause: string
}

export type PlayedVendors = {
  /** Name → URL. */
  urls: Record<string, string>
  calls: VendorCall[]
  close: () => Promise<void>
}

export const keyOf = (vendor: string, key: number): string => `sk-world-${vendor}-${key}`

/** `now` tells the seconds since the world began. */
export const playVendors = async (world: World, seed: number, now: () => number): Promise<PlayedVendors> => {
  const calls: VendorCall[] = []
  const upstreams: Upstream[] = []
  const urls: Record<string, string> = {}
  for (const script of world.vendors(seed)) {
    const upstream = await scriptedUpstream(playVendor(createVendor(script, seed), now, calls))
    urls[script.name] = upstream.url
    upstreams.push(upstream)
  }
  if (world.isUnreachable) await Promise.all(upstreams.splice(0).map(upstream => upstream.close()))
  return { urls, calls, close: async () => void (await Promise.all(upstreams.map(upstream => upstream.close()))) }
}

const playVendor =
  (vendor: Vendor, now: () => number, calls: VendorCall[]): Script =>
  async (connection, received) => {
    const { name, keys } = vendor.script
    const bearer = received.headers['authorization']?.replace('Bearer ', '')
    const key = Array.from({ length: keys }, (_, at) => at).find(at => keyOf(name, at) === bearer)
    const request = readRequest(received.body)
    if (key === undefined || !request) throw new Error(`${name} cannot read this call: ${bearer} ${received.body}`)
    const at = now()
    const { reply, end } = vendor.receive(at, key, request)
    const call: VendorCall = { vendor: name, key, at, nonce: request.nonce, verdict: reply.verdict, cause: reply.cause }
    calls.push(call)
    try {
      const isComplete = await send(connection, reply)
      if (!isComplete && reply.verdict === 'answered') call.verdict = 'cancelled'
    } finally {
      end()
    }
  }

/** Undefined if the body is no chat request with a nonce. */
const readRequest = (body: string): WorldRequest | undefined => {
  const { model, stream } = JSON.parse(body) as { model?: string; stream?: boolean }
  const nonce = /nonce:(\w+)/.exec(body)?.[1]
  return model && nonce ? { model, nonce, isStream: stream === true } : undefined
}

/** True if everything was sent before the gateway left. */
const send = async (connection: Parameters<Script>[0], { after, head, parts, end }: Reply): Promise<boolean> => {
  if (after === Number.POSITIVE_INFINITY) await connection.stall()
  else await connection.wait(after)
  if (head && !connection.isClientGone) {
    const length = Buffer.byteLength(parts.map(({ text }) => text).join(''))
    const isStream = head.headers['content-type']?.startsWith('text/event-stream') === true
    const framing = isStream ? 'chunked' : { length: end === 'complete' ? length : length + 500 }
    connection.writeHead(head.status, head.headers, framing)
    for (const part of parts) {
      if (part.after > 0) await connection.wait(part.after)
      await connection.write(part.text)
    }
  }
  if (connection.isClientGone) return false
  if (end === 'complete') connection.end()
  else if (end === 'cut') connection.disconnect()
  else if (end === 'reset') connection.reset()
  else await connection.stall()
  return end === 'complete'
}
