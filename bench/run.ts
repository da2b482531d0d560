/**
 * `npm run bench`: the gateway (compiled) and nginx in front of the same vendor, in one run. What counts are ratios: CPU time of the process
 * itself, as the operating system tells it, per request and per streamed frame. Needs Linux and nginx; ends with 1 if a ceiling is broken.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { cpuOf, firstLine, folder, launch, memoryOf } from './processes.ts'

const seconds = Number(process.env['BENCH_SECONDS'] ?? 5)
const root = join(import.meta.dir, '..')
const binary = join(folder, 'simple-one-api')
const bun = process.execPath

type Figures = { done: number; p50: number; p99: number; cpu: number }
type Place = { name: string; url: string; pid: number }

const nginxConfig = (port: number, vendor: string) => `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 1000000;
  upstream vendor { server ${vendor}; keepalive 256; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://vendor; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; client_body_buffer_size 1m; }
  }
}`

const freePort = (): number => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const port = server.port!
  server.stop(true)
  return port
}

const up = async (url: string): Promise<void> => {
  for (let tries = 0; tries < 2000; tries++) {
    if (
      await fetch(url).then(
        answer => answer.status < 500,
        () => false,
      )
    )
      return
    await Bun.sleep(1)
  }
  throw new Error(`${url} did not come up`)
}

const measure = async (place: Place, mode: string, count: number): Promise<Figures> => {
  const before = place.pid > 0 ? cpuOf(place.pid) : 0
  const child = launch(
    [bun, join(root, 'bench/load.ts'), `${place.url}/v1/chat/completions`, mode, String(count), String(seconds)],
    {
      stdout: 'pipe',
      env: { BUN_CONFIG_MAX_HTTP_REQUESTS: '20000' },
    },
  )
  const text = await new Response(child.stdout as ReadableStream).text()
  if ((await child.exited) !== 0) throw new Error(`the load on ${place.name} failed`)
  const figures = JSON.parse(text) as Omit<Figures, 'cpu'>
  return { ...figures, cpu: place.pid > 0 ? (cpuOf(place.pid) - before) / figures.done : 0 }
}

const startVendor = async (): Promise<Place> => {
  const child = launch([bun, join(root, 'bench/upstream.ts')], { stdout: 'pipe' })
  return { name: 'vendor', url: `http://127.0.0.1:${await firstLine(child)}`, pid: 0 }
}

const startNginx = async (vendor: Place): Promise<Place> => {
  const port = freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, nginxConfig(port, vendor.url.slice('http://'.length)))
  const child = launch(['nginx', '-p', folder, '-c', file])
  await up(`http://127.0.0.1:${port}/`)
  return { name: 'nginx', url: `http://127.0.0.1:${port}`, pid: child.pid }
}

const gatewayConfig = (vendor: Place, port: number) => {
  const entry = {
    enabled: true,
    models: ['bench', 'bench-*'],
    server_url: `${vendor.url}/v1`,
    credentials: { api_key: 'k' },
  }
  return JSON.stringify({ server_port: `127.0.0.1:${port}`, api_key: 'bench', services: { openai: [entry] } })
}

const startGateway = async (vendor: Place): Promise<Place & { child: Bun.Subprocess; milliseconds: number }> => {
  const port = freePort()
  const file = join(folder, `config-${port}.json`)
  writeFileSync(file, gatewayConfig(vendor, port), { mode: 0o600 })
  const began = performance.now()
  const child = launch([binary, file])
  await up(`http://127.0.0.1:${port}/healthz`)
  return {
    name: 'gateway',
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    child,
    milliseconds: performance.now() - began,
  }
}

const median = (values: number[]): number => values.sort((one, other) => one - other)[Math.floor(values.length / 2)]!

const startTimes = async (vendor: Place): Promise<number> => {
  const times: number[] = []
  for (let turn = 0; turn < 9; turn++) {
    const { child, milliseconds } = await startGateway(vendor)
    times.push(milliseconds)
    child.kill('SIGKILL')
    await child.exited
  }
  return median(times)
}

await $`${bun} ${join(root, 'scripts/build.ts')} ${binary}`.cwd(root).quiet()
const vendor = await startVendor()
const nginx = await startNginx(vendor)
const started = await startTimes(vendor)
const gateway = await startGateway(vendor)
await Bun.sleep(1000)
const idle = memoryOf(gateway.pid)

// The compilers of the runtime are done with the hot path after some ten thousand turns.
for (const place of [nginx, gateway, gateway]) await measure(place, 'whole', 16)
for (const place of [nginx, gateway, gateway]) await measure(place, 'stream', 100)
const one = {
  vendor: await measure(vendor, 'whole', 1),
  nginx: await measure(nginx, 'whole', 1),
  gateway: await measure(gateway, 'whole', 1),
}
const many = { nginx: await measure(nginx, 'whole', 16), gateway: await measure(gateway, 'whole', 16) }
const streams = { nginx: await measure(nginx, 'stream', 100), gateway: await measure(gateway, 'stream', 100) }
const loaded = memoryOf(gateway.pid)

const show = (value: number, unit: string) => `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`
const rows: [what: string, nginx: string, gateway: string, ratio: number, ceiling: number][] = [
  ['CPU a request', show(many.nginx.cpu, 'µs'), show(many.gateway.cpu, 'µs'), many.gateway.cpu / many.nginx.cpu, 4],
  [
    'CPU a frame (20 ms apart)',
    show(streams.nginx.cpu, 'µs'),
    show(streams.gateway.cpu, 'µs'),
    streams.gateway.cpu / streams.nginx.cpu,
    2,
  ],
  ['start to first answer', '', show(started, 'ms'), started / 60, 1],
  ['idle memory', '', show(idle, 'MB'), idle / 60, 1],
]
console.log('| | nginx | gateway | ratio | ceiling | |\n|---|---|---|---|---|---|')
for (const [what, left, right, ratio, ceiling] of rows)
  console.log(
    `| ${what} | ${left} | ${right} | ${ratio.toFixed(2)} | ${ceiling} | ${ratio <= ceiling ? 'held' : 'BROKEN'} |`,
  )
for (const share of ['p50', 'p99'] as const)
  console.log(
    `| added ${share}, one connection | ${show(one.nginx[share] - one.vendor[share], 'µs')} | ${show(one.gateway[share] - one.vendor[share], 'µs')} | | | |`,
  )
console.log(`| memory after the run | | ${show(loaded, 'MB')} | | | |`)
console.log(
  `| requests a second, 16 connections | ${Math.round(many.nginx.done / seconds)} | ${Math.round(many.gateway.done / seconds)} | | | |`,
)
process.exit(rows.every(([, , , ratio, ceiling]) => ratio <= ceiling) ? 0 : 1)
