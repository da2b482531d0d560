/**
 * No request and no answer takes more than linear time. Here is one test for each kind of place that can grow, with a
 * limit that only quadratic work exceeds on a busy machine; `npm run abuse` measures every place of every endpoint more
 * closely. These are the only tests that measure time. They count CPU time.
 */
import { describe, expect, test } from 'bun:test'
import { asGatewayError } from '../../src/base/errors.ts'
import { maxDepth } from '../../src/base/json/measure.ts'
import { cpuGrowth, type Growth, maxRatioUnderLoad, type Prepare } from '../support/cpu-growth.ts'
import { answerParts, answerWays, chatProtocols, oddStreams, readWhole, streamWork, wholeText } from './answer-kinds.ts'
import { inProcessGateway, vendorWord, withoutLimits } from './in-process-gateway.ts'
import { requestKinds } from './request-kinds.ts'

const seconds = 60_000
/** Work that is too fast to be measured at the largest size passes. */
const expectLinear = (growth: Growth): void =>
  expect('ratio' in growth ? growth.ratio : 0).toBeLessThanOrEqual(maxRatioUnderLoad)

test(
  'quadratic work is seen',
  async () => {
    const quadratic: Prepare = size => () => {
      let sum = 0
      for (let one = 0; one < size * 8; one++) for (let other = 0; other < size * 8; other++) sum += one ^ other
      return sum
    }
    const growth = await cpuGrowth(quadratic, 2 ** 15)
    expect('ratio' in growth && growth.ratio).toBeGreaterThan(100)
  },
  seconds,
)

/** Another protocol than the vendor's. */
const foreignTo = (vendor: string): string => chatProtocols[(chatProtocols.indexOf(vendor) + 1) % chatProtocols.length]!

describe('a request takes linear time with', () => {
  test.each(Object.entries(requestKinds))(
    '%s',
    async (_, { path, model, contentType, build }) => {
      await using gateway = inProcessGateway(withoutLimits)
      const prepare: Prepare = size => {
        const body = build(size, model)
        return () => gateway.send(path, body, contentType)
      }
      expectLinear(await cpuGrowth(prepare, 2 ** 16, maxRatioUnderLoad))
    },
    seconds,
  )
})

describe('a stream takes linear time with', () => {
  test.each(Object.entries(oddStreams))(
    '%s, passed and translated',
    async (_, { vendor, text }) => {
      for (const client of [vendor, foreignTo(vendor)])
        expectLinear(await cpuGrowth(size => streamWork(client, vendor, text(size)), 2 ** 15, maxRatioUnderLoad))
    },
    seconds,
  )
})

describe('an answer takes linear time', () => {
  const kinds = Object.keys(answerParts).flatMap((kind, row) =>
    Object.keys(answerWays).map((way, column) => [kind, way, chatProtocols[(row + column) % 4]!] as const),
  )
  test.each(kinds)(
    'with %s, %s, from %s',
    async (kind, way, vendor) =>
      expectLinear(
        await cpuGrowth(
          size => answerWays[way]!(foreignTo(vendor), vendor, answerParts[kind]!(size)),
          2 ** 15,
          maxRatioUnderLoad,
        ),
      ),
    seconds,
  )

  test.each(chatProtocols)(
    'a hundred thousand calls of %s reach every client, whole and streamed',
    vendor => {
      const parts = answerParts['calls']!(100_000)
      for (const client of chatProtocols)
        for (const way of ['whole', 'streamed'])
          expect(answerWays[way]!(client, vendor, parts)()).toBeGreaterThan(1_000_000)
    },
    seconds,
  )
})

describe('a limit of the configuration', () => {
  const kinds = [
    ['messages', 'messages', 'messages', 6],
    ['tools', 'legacy functions', 'functions', 6],
    ['calls', 'parallel calls and their results', 'messages', 6],
    ['inputs', 'prompts', 'prompt', 6],
    ['parts', 'prompts', 'prompt', 6],
    ['form_fields', 'form fields', 'the form', 4],
    ['form_fields', 'fields of an upload', 'the form', 5],
    ['media', 'media URLs beyond max_files', 'messages', 6],
  ] as const

  test.each(kinds)(
    '%s is reached by %s, and what is beyond it is a 400 that names it',
    async (key, kind, param, size) => {
      await using gateway = inProcessGateway({ max_items: { [key]: 6 }, media: { max_files: 100 } })
      const { path, model, contentType, build } = requestKinds[kind]!
      const ask = (count: number) => gateway.send(path, build(count, model), contentType)
      expect((await ask(size)).text).not.toContain('max_items')
      const refusal = await ask(size + 1)
      expect(refusal.status).toBe(400)
      expect(refusal.text).toContain(`max_items.${key} allows 6`)
      expect(refusal.text).toContain(param)
    },
  )

  test('max_values is a 413 in every protocol, before the body is parsed', async () => {
    await using gateway = inProcessGateway({ max_values: 1000 })
    const body = `{"model":"chat","messages":[${'{},'.repeat(2000)}not JSON`
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/embeddings', '/v2/translate'])
      expect(await gateway.send(path, body)).toMatchObject({ status: 413, text: expect.stringContaining('max_values') })
    expect((await gateway.send('/v1beta/models/chat:generateContent', body)).text).toContain('TOO_MANY_VALUES')
  })
})

describe('nesting', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const paths = {
    '/v1/chat/completions': (deep: string) =>
      `{"model":"M","messages":[{"role":"user","content":"x","deep":${deep}}],"tools":[{"type":"function","function":{"name":"f","parameters":{"enum":${deep}}}}]}`,
    '/v1/messages': (deep: string) =>
      `{"model":"M","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a":${deep}}}]}]}`,
    '/v1/responses': (deep: string) =>
      `{"model":"M","input":[{"role":"user","content":"x","deep":${deep}},{"type":"custom","item":${deep}}]}`,
    '/v1beta/models/M:generateContent': (deep: string) =>
      `{"contents":[{"role":"user","parts":[{"text":"x","deep":1.0,"more":${deep}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"enum":${deep}}}]}]}`,
  }
  const vendorModels = ['chat', 'messages', 'google', 'converse', 'responses', 'patched']

  test.each(Object.entries(paths))(
    '%s: a hundred thousand levels are a 400, and %p at the limit reach every vendor',
    async (path, build) => {
      await using gateway = inProcessGateway()
      for (const model of vendorModels) {
        const send = (depth: number) =>
          gateway.send(path.replace('M', model), build(nested(depth)).replace('"M"', `"${model}"`))
        expect(await send(100_000)).toMatchObject({
          status: 400,
          text: expect.stringContaining(`more than ${maxDepth} levels`),
        })
        const { text } = await send(maxDepth - 12)
        expect(text).toContain(vendorWord)
      }
    },
  )

  test.each(chatProtocols)(
    'an answer of %s nested a hundred thousand levels deep is an error of its vendor',
    vendor => {
      const text = wholeText(vendor, [{ type: 'text', text: 'x' }]).replace('{', `{"deep":${nested(100_000)},`)
      for (const client of chatProtocols) {
        let thrown: unknown
        try {
          readWhole(client, vendor, text)()
        } catch (error) {
          thrown = error
        }
        expect(asGatewayError(thrown).status).toBe(502)
      }
    },
  )
})
