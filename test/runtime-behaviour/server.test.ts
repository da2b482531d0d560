/** How Bun's server treats malformed requests, slow readers and its own shutdown. */
import { afterEach, describe, expect, test } from 'bun:test'
import { rawClient } from '../support/raw-client.ts'
import { resultWithin, waitUntil } from '../support/wait-until.ts'

const clients: { socket: { destroy: () => void } }[] = []
const servers: Bun.Server<undefined>[] = []
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await server.stop(true)
})

const serve = (
  fetch: (request: Request) => Response | Promise<Response>,
  more: { maxRequestBodySize?: number } = {},
) => {
  const server = Bun.serve({ port: 0, fetch, ...more })
  servers.push(server)
  return server
}

const connectClient = (server: Bun.Server<undefined>, text: string) => {
  const client = rawClient(server.port!, text)
  clients.push(client)
  return client
}

/** Sends `text`. Returns what came back once it contains `mark` or the connection has ended. */
const answerTo = async (server: Bun.Server<undefined>, text: string, mark = '\r\n\r\n'): Promise<string> => {
  const client = connectClient(server, text)
  await waitUntil(() => client.text().includes(mark) || client.socket.destroyed)
  await resultWithin(client.closed, 20)
  return client.text()
}

describe('malformed requests', () => {
  const urls: string[] = []
  const echo = () =>
    serve(async request => {
      urls.push(request.url)
      return new Response(await request.text())
    })
  afterEach(() => urls.splice(0))

  test.each([
    ['no Host', 'GET /a HTTP/1.1\r\n\r\n'],
    [
      'Content-Length and Transfer-Encoding',
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['a folded header', 'GET /a HTTP/1.1\r\nHost: a\r\nX-A: one\r\n  two\r\n\r\n'],
  ])('a request with %s is a 400 without the handler', async (_, text) => {
    expect(await answerTo(echo(), text)).toStartWith('HTTP/1.1 400 ')
    expect(urls).toEqual([])
  })

  test('a malformed chunk is a 400 although the handler has begun', async () => {
    const text = 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'
    expect(await answerTo(echo(), text)).toStartWith('HTTP/1.1 400 ')
  })

  test.each([
    ['empty', 'GET /a?b HTTP/1.1\r\nHost:\r\n\r\n'],
    ['with a space', 'GET /a?b HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['with a slash', 'GET /a?b HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['absent in HTTP/1.0', 'GET /a?b HTTP/1.0\r\n\r\n'],
  ])('a Host that is %s makes the url a bare path', async (_, text) => {
    expect(await answerTo(echo(), text)).toStartWith('HTTP/1.1 200 ')
    expect(urls).toEqual(['/a?b'])
  })

  test('of two Host headers the first counts; Bun does not refuse them', async () => {
    expect(await answerTo(echo(), 'GET /a HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n')).toStartWith('HTTP/1.1 200 ')
    expect(urls).toEqual(['http://one/a'])
  })
})

describe('two requests in one segment', () => {
  const twoRequests = 'GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n'
  const pathOf = ({ url }: Request) => new URL(url).pathname

  test('pipelined requests are both answered, in order, if the first is answered at once', async () => {
    const server = serve(request => new Response(pathOf(request)))
    const text = await answerTo(server, twoRequests, '/two')
    expect(text.match(/\/(?:one|two)/g)).toEqual(['/one', '/two'])
  })

  test('pipelined requests are both lost if the first has to wait: the connection closes without an answer', async () => {
    const aborted: string[] = []
    const server = serve(async request => {
      request.signal.addEventListener('abort', () => aborted.push(pathOf(request)))
      await Bun.sleep(50)
      return new Response(pathOf(request))
    })
    expect(await answerTo(server, twoRequests)).toBe('')
    expect(aborted).toEqual(['/one'])
  })
})

describe('above maxRequestBodySize', () => {
  test('a body with a content-length is a 413 with an empty body and never reaches the handler', async () => {
    let calls = 0
    const server = serve(() => new Response(String(++calls)), { maxRequestBodySize: 1000 })
    const text = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2000)}`
    expect(await answerTo(server, text)).toBe('HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n\r\n')
    expect(calls).toBe(0)
  })

  test('a chunked body is a 413 with an empty body after the handler has begun', async () => {
    let calls = 0
    const server = serve(
      async request => {
        calls++
        return new Response(await request.text())
      },
      { maxRequestBodySize: 1000 },
    )
    const text = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`
    expect(await answerTo(server, text)).toBe('HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n')
    expect(calls).toBe(1)
  })
})

describe('a client that does not read', () => {
  const pieceSize = 1 << 20
  const maxPieces = 64

  /** The number of 1 MB pieces that a stream gives away to a client that reads none of them. */
  const piecesTaken = async (streamOf: (count: () => boolean) => ReadableStream): Promise<number> => {
    let count = 0
    const server = serve(() => new Response(streamOf(() => ++count < maxPieces)))
    connectClient(server, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').socket.pause()
    await waitUntil(() => count > 0)
    for (let before = 0; before !== count; await Bun.sleep(100)) before = count
    return count
  }

  test('a pull stream stops while the client does not read', async () => {
    const pullStream = (more: () => boolean) =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(pieceSize))
          if (!more()) controller.close()
        },
      })
    expect(await piecesTaken(pullStream)).toBeLessThan(20)
  })

  test('a direct stream does not stop and buffers everything', async () => {
    const directStream = (more: () => boolean) =>
      new ReadableStream({
        type: 'direct',
        async pull(controller: ReadableStreamDirectController) {
          do {
            controller.write(new Uint8Array(pieceSize))
            await controller.flush()
          } while (more())
          await Bun.sleep(500)
          controller.close()
        },
      } as unknown as UnderlyingSource)
    expect(await piecesTaken(directStream)).toBe(maxPieces)
  })
})

test('server.stop(false) refuses new connections, closes used idle ones and lets streams finish', async () => {
  let remaining = 4
  const server = serve(request => {
    if (request.url.endsWith('/short')) return new Response('short')
    const pull = async (controller: ReadableStreamDefaultController) => {
      await Bun.sleep(50)
      controller.enqueue('word ')
      if (--remaining === 0) controller.close()
    }
    return new Response(new ReadableStream({ pull }))
  })
  const idle = connectClient(server, 'GET /short HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => idle.text().endsWith('short'))
  const stream = await fetch(`http://127.0.0.1:${server.port}/`, { proxy: false })
  const { port } = server
  let stopped = false
  const stopping = server.stop(false).then(() => {
    stopped = true
  })
  expect(await resultWithin(idle.closed, 1000)).toBeDefined()
  expect(stopped).toBe(false)
  expect(await fetch(`http://127.0.0.1:${port}/`, { proxy: false }).catch(fault => fault.code)).toBe('ECONNREFUSED')
  expect(await stream.text()).toBe('word word word word ')
  await stopping
  servers.splice(0)
})
