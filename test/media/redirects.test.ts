/** Which statuses of a file server are redirects. */
import { afterAll, describe, expect, test } from 'bun:test'
import { createSafeFetch } from '../../src/media/safe-fetch.ts'

let targetHits = 0
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: request => {
    const url = new URL(request.url)
    if (url.pathname === '/target') {
      targetHits++
      return new Response('found', { headers: { 'content-type': 'text/plain' } })
    }
    const [, status, location] = url.pathname.split('/')
    const headers = { 'content-type': 'text/plain', ...(location === 'located' && { location: '/target' }) }
    const hasBody = status !== '204' && status !== '304'
    return new Response(hasBody ? 'not found' : null, { status: Number(status), headers })
  },
})
afterAll(() => server.stop(true))

const safeFetch = createSafeFetch({ allowPrivate: ['127.0.0.1'], maxBytes: 1000, timeout: 5, maxFiles: 1 })
const outcomeOf = async (path: string): Promise<string> => {
  targetHits = 0
  const url = `http://127.0.0.1:${server.port}${path}`
  return safeFetch(url, () => undefined, new AbortController().signal).then(
    ({ bytes }) => Buffer.from(bytes).toString(),
    (error: Error) => error.message,
  )
}

describe('a response of a file server', () => {
  // RFC 9110 15.4 and its registry of status codes. A Location makes any of them a redirect.
  test.each([300, 301, 302, 303, 304, 305, 306, 307, 308, 399])(
    'with status %d redirects to its Location',
    async status => {
      expect(await outcomeOf(`/${status}/located`)).toBe('found')
      expect(targetHits).toBe(1)
    },
  )

  test.each([300, 301, 302, 303, 304, 305, 307, 308])('with status %d and no Location is refused', async status =>
    expect(await outcomeOf(`/${status}/`)).toBe(`its server answered ${status}`),
  )

  test.each([201, 204, 206, 299, 400, 401, 404, 429, 500, 503])('with status %d does not redirect', async status => {
    expect(await outcomeOf(`/${status}/located`)).toBe(`its server answered ${status}`)
    expect(targetHits).toBe(0)
  })

  test('with status 200 is the file, whatever its Location', async () => {
    expect(await outcomeOf('/200/located')).toBe('not found')
    expect(targetHits).toBe(0)
  })
})

describe('a host', () => {
  test('in brackets is an IPv6 address, which is not asked for in the DNS', async () => {
    const asked: string[] = []
    const fetchFile = createSafeFetch(
      { allowPrivate: ['::1'], maxBytes: 1000, timeout: 5, maxFiles: 1 },
      {
        resolve: async host => {
          asked.push(host)
          return []
        },
      },
    )
    const message = await fetchFile('http://[::1]:1/', () => undefined, new AbortController().signal).catch(
      (error: Error) => error.message,
    )
    expect([message, asked]).toEqual(['its server could not be reached', []])
  })

  test('with many addresses is tried at three of them, IPv4 first', async () => {
    const { port } = server
    const reached = async (addresses: string[]) => {
      const fetchFile = createSafeFetch(
        { allowPrivate: ['127.0.0.0/8', '::1'], maxBytes: 1000, timeout: 5, maxFiles: 1 },
        { resolve: async () => addresses },
      )
      return fetchFile(`http://many.test:${port}/target`, () => undefined, new AbortController().signal).then(
        () => true,
        () => false,
      )
    }
    expect(await reached(['127.0.0.2', '127.0.0.3', '127.0.0.1'])).toBe(true)
    expect(await reached(['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.1'])).toBe(false)
    expect(await reached(['::1', '127.0.0.2', '127.0.0.3', '127.0.0.1'])).toBe(true)
  })
})
