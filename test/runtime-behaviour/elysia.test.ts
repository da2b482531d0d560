/** What Elysia and its documentation page do by themselves. */
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

describe('errors that are not ours', () => {
  const app = new Elysia()
    .post('/checked', () => 'ok', { body: Type.Object({ name: Type.String(), password: Type.String() }) as never })
    .get('/thrown', () => {
      throw new Error('the password is hunter2')
    })

  test('422 echoes the body’s known fields', async () => {
    const { status, text } = await send(app, '/checked', json('{"name":1,"password":"hunter2"}'))
    expect(status).toBe(422)
    expect(text).toContain('hunter2')
  })

  test('500 echoes the message', async () => {
    expect(await send(app, '/thrown')).toEqual({ status: 500, text: 'the password is hunter2' })
  })

  test('our onError silences both', async () => {
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

  test('a wildcard is a tail: it does not match in the middle', async () => {
    expect((await send(app, '/v1/x/end')).status).toBe(404)
    expect((await send(app, '/tail/x/y/z')).text).toBe('x/y/z')
  })

  test('what a wildcard matched is not decoded, what a name matched is', async () => {
    expect((await send(app, '/tail/a%20b%2Fc')).text).toBe('a%20b%2Fc')
    expect((await send(app, '/named/a%20b')).text).toBe('a b')
  })

  test('hosts of less than four letters are not found', async () => {
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

  test('parse none: the handler gets the exact bytes, the document keeps the schema', async () => {
    const bytes = '{ "b": 1.0,\n "2": 1, "1": 2 }'
    expect((await send(app, '/exact', json(bytes))).text).toBe(`undefined ${bytes}`)
    const { paths } = JSON.parse((await send(app, '/docs/json')).text)
    const { properties } = paths['/exact'].post.requestBody.content['application/json'].schema
    expect(properties).toEqual({ model: { type: 'string' } })
  })

  test('a wildcard is not documented', async () => {
    const { paths } = JSON.parse((await send(app, '/docs/json')).text)
    expect(Object.keys(paths)).toEqual(['/exact'])
  })

  test('the page asks for nothing outside, given a script of ours', async () => {
    const { text } = await send(app, '/docs')
    expect(text).toContain('src="/docs/page.js"')
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  })

  test('that script comes with the package', async () => {
    const script = Bun.file(
      Bun.resolveSync('@scalar/api-reference', import.meta.dir).replace(/dist\/.*$/, 'dist/browser/standalone.js'),
    )
    expect(await script.exists()).toBe(true)
    expect(script.size).toBeGreaterThan(1_000_000)
  })
})
