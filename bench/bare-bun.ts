/**
 * `bare-bun.ts URL`: the lower bound of the runtime, a minimal proxy of Bun's own server and client. Prints its port. Exits
 * with its parent.
 */
const [vendor = ''] = process.argv.slice(2)

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const path = request.url.slice(request.url.indexOf('/', 'http://'.length))
    const answer = await fetch(vendor + path, {
      method: request.method,
      headers: { 'content-type': 'application/json' },
      body: await request.arrayBuffer(),
      signal: request.signal,
      proxy: false,
    })
    const type = answer.headers.get('content-type') ?? 'application/json'
    return new Response(answer.body, { status: answer.status, headers: { 'content-type': type } })
  },
})
console.log(server.port)
setInterval(() => process.ppid === 1 && process.exit(), 1000)

export {}
