/** What Elysia and its documentation page do on their own. */
import { describe, expect, test } from 'bun:test'
import { swagger } from '@elysiajs/swagger'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'

const send = async (
  app: { handle: (request: Request) => Response | Promise<Response> },
  path: string,
  init?: RequestInit,
) => {
  const response = await app.handle(new Request(path.startsWith('/') ? `http://localhost${path}` : path, init))
  return { status: response.status, text: await response.text() }
}

const json = (body: string): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body })

describe("Elysia's own error answers", () => {
  const app = new Elysia()
    .post('/checked', () => 'ok', { body: Type.Object({ name: Type.String(), password: Type.String() }) as never })
    .get('/thrown', () => {
      throw new Error('the password is hunter2')
    })

  test('a 422 echoes the known fields of the body', async () => {
    const { status, text } = await send(app, '/checked', json('{"name":1,"password":"hunter2"}'))
    expect(status).toBe(422)
    expect(text).toContain('hunter2')
  })

  test('a 500 echoes the message of the error', async () => {
    expect(await send(app, '/thrown')).toEqual({ status: 500, text: 'the password is hunter2' })
  })

  test('a custom onError hides both', async () => {
    const ours = new Elysia().onError(() => new Response('fault', { status: 500 })).use(app)
    expect(await send(ours, '/thrown')).toEqual({ status: 500, text: 'fault' })
    expect((await send(ours, '/checked', json('{"name":1,"password":"hunter2"}'))).text).toBe('fault')
  })
})

describe('routes', () => {
  const app = new Elysia()
    .get('/v1/*/end', () => 'middle')
    .get('/tail/*', ({ params }) => params['*'])
    .get('/named/:name', ({ params }) => params.name)
    .get('/a', () => 'a')

  test('a wildcard matches only at the end of a path', async () => {
    expect((await send(app, '/v1/x/end')).status).toBe(404)
    expect((await send(app, '/tail/x/y/z')).text).toBe('x/y/z')
  })

  test("a wildcard's match is not percent-decoded, a named parameter's is", async () => {
    expect((await send(app, '/tail/a%20b%2Fc')).text).toBe('a%20b%2Fc')
    expect((await send(app, '/named/a%20b')).text).toBe('a b')
  })

  test('a host of less than four letters is not found', async () => {
    const statuses = await Promise.all(
      ['x', 'xxx', 'xxxx'].map(async host => (await send(app, `http://${host}/a`)).status),
    )
    expect(statuses).toEqual([404, 404, 200])
  })
})

describe('the documentation', () => {
  const body = { content: { 'application/json': { schema: Type.Object({ model: Type.String() }) } } }
  const app = new Elysia()
    .use(swagger({ path: '/docs', scalarCDN: '/docs/page.js' }))
    .post('/exact', async ({ request, body }) => `${typeof body} ${await request.text()}`, {
      parse: 'none',
      detail: { requestBody: body as never },
    })
    .post('/any/*', () => 'ok', { parse: 'none', detail: { requestBody: body as never } })

  test("with `parse: 'none'` the handler gets the exact bytes and the document keeps the schema", async () => {
    const bytes = '{ "b": 1.0,\n "2": 1, "1": 2 }'
    expect((await send(app, '/exact', json(bytes))).text).toBe(`undefined ${bytes}`)
    const { paths } = JSON.parse((await send(app, '/docs/json')).text)
    const { properties } = paths['/exact'].post.requestBody.content['application/json'].schema
    expect(properties).toEqual({ model: { type: 'string' } })
  })

  test('a wildcard route is not documented', async () => {
    const { paths } = JSON.parse((await send(app, '/docs/json')).text)
    expect(Object.keys(paths)).toEqual(['/exact'])
  })

  test('the page loads nothing from outside if it is given a local script', async () => {
    const { text } = await send(app, '/docs')
    expect(text).toContain('src="/docs/page.js"')
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  })

  test('the script of the page comes with the package', async () => {
    const script = Bun.file(
      Bun.resolveSync('@scalar/api-reference', import.meta.dir).replace(/dist\/.*$/, 'dist/browser/standalone.js'),
    )
    expect(await script.exists()).toBe(true)
    expect(script.size).toBeGreaterThan(1_000_000)
  })
})
