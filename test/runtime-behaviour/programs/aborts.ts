/**
 * Aborts N requests before their answer, a hundred at a time. Prints the memory in use (MB) after a third of them and
 * at the end.
 */
const requestCount = Number(process.argv[2])
const silentServer = Bun.serve({ port: 0, idleTimeout: 0, fetch: () => new Promise<Response>(() => {}) })

const abortRequest = async (): Promise<void> => {
  const controller = new AbortController()
  const answer = fetch(silentServer.url, {
    method: 'POST',
    body: '{}',
    signal: controller.signal,
    proxy: false as never,
  })
  setTimeout(() => controller.abort(), 5)
  await answer.catch(() => undefined)
}
const abortRequests = async (count: number): Promise<number> => {
  for (let at = 0; at < count; at += 100) await Promise.all(Array.from({ length: 100 }, abortRequest))
  await Bun.sleep(300)
  Bun.gc(true)
  return process.memoryUsage.rss() / 1024 / 1024
}

const early = await abortRequests(requestCount / 3)
console.log(JSON.stringify({ early, late: await abortRequests((requestCount * 2) / 3) }))
process.exit(0)

export {}
