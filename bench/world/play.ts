/**
 * `play.ts JOB`: one world in a process of its own, vendors and clients. Prints the vendors' URLs as a line of JSON,
 * then waits for the gateway's URL (POST to the port in that line), runs the world, and prints its result as JSON.
 */
import { arrivalsOf } from './arrivals.ts'
import { type AskResult, ask } from './ask.ts'
import { type ClientProtocol, clientProtocols } from './client-protocols.ts'
import { playVendors, type VendorCall } from './play-vendors.ts'
import { worlds } from './worlds.ts'

/**
 * `protocol: 'all'`: the clients' protocols in turn. `seconds` replaces the length of the world; `patience`: seconds after
 * which a client leaves.
 */
export type PlayJob = {
  world: string
  seed: number
  seconds: number
  protocol: ClientProtocol | 'all'
  model: string
  patience: number
}
export type PlayReady = { port: number; urls: Record<string, string> }
/** `lag`: the 99th percentile (milliseconds) of how much later than due a timer fired in this process. */
export type PlayResult = { seed: number; results: AskResult[]; calls: VendorCall[]; lag: number }

const runClients = async (job: PlayJob, url: string, now: () => number): Promise<AskResult[]> => {
  const world = { ...worlds[job.world]!, seconds: job.seconds }
  const protocolAt = (index: number) =>
    job.protocol === 'all' ? clientProtocols[index % clientProtocols.length]! : job.protocol
  const asks = arrivalsOf(world, job.seed).map(async (arrival, index) => {
    await Bun.sleep(Math.max(0, arrival.at - now()) * 1000)
    return ask({ url, model: job.model, protocol: protocolAt(index), arrival, patience: job.patience })
  })
  return Promise.all(asks)
}

/** Observes the delays of a timer until `stop`. */
const observeLag = (): { stop: () => number } => {
  const interval = 50
  const lags: number[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const time = performance.now()
    lags.push(Math.max(0, time - last - interval))
    last = time
  }, interval)
  const stop = () => {
    clearInterval(timer)
    return lags.sort((one, other) => one - other)[Math.floor(lags.length * 0.99)] ?? 0
  }
  return { stop }
}

const play = async (job: PlayJob): Promise<void> => {
  let startedAt = performance.now()
  const now = () => (performance.now() - startedAt) / 1000
  const vendors = await playVendors(worlds[job.world]!, job.seed, now)
  const gateway = Promise.withResolvers<string>()
  const control = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async request => {
      gateway.resolve(await request.text())
      return new Response()
    },
  })
  console.log(JSON.stringify({ port: control.port!, urls: vendors.urls } satisfies PlayReady))
  const url = await gateway.promise
  startedAt = performance.now()
  const lag = observeLag()
  const results = await runClients(job, url, now)
  const result: PlayResult = { seed: job.seed, results, calls: vendors.calls, lag: lag.stop() }
  console.log(JSON.stringify(result))
  await vendors.close()
}

if (import.meta.main) {
  await play(JSON.parse(process.argv[2]!) as PlayJob)
  process.exit(0)
}
