/**
 * Measures how the CPU time of requests and answers grows: every list and every long string in the schema of every
 * endpoint, for every protocol in which vendors are called, and every kind of answer for every pair of protocols. Prints
 * one line each and fails if one grows faster than linear. Takes about twenty minutes.
 */
import { answerParts, answerWays, chatProtocols, oddStreams, streamWork } from '../test/abuse/answer-kinds.ts'
import { inProcessGateway, type Vendor, vendors, withoutLimits } from '../test/abuse/in-process-gateway.ts'
import { requestKinds } from '../test/abuse/request-kinds.ts'
import { shapesOf } from '../test/abuse/schema-shapes.ts'
import { cpuGrowth, maxRatio, type Prepare } from '../test/support/cpu-growth.ts'

const [filter = ''] = process.argv.slice(2)
const failed: string[] = []

const measure = async (name: string, prepare: Prepare, maxSize: number): Promise<void> => {
  if (!name.includes(filter)) return
  const growth = await cpuGrowth(prepare, maxSize)
  const isQuadratic = 'ratio' in growth && growth.ratio > maxRatio
  if (isQuadratic) failed.push(name)
  const result =
    'ratio' in growth
      ? `${growth.size} take ${growth.milliseconds.toFixed(1)} ms, 16 times as many ${growth.ratio.toFixed(1)} times as long`
      : `${growth.reached} take only ${growth.milliseconds.toFixed(1)} ms`
  console.log(`${isQuadratic ? 'NOT LINEAR ' : ''}${name}: ${result}`)
}

/** Sizes at which lists and strings still fit into a body. */
const maxSizeOf = (place: string): number => (place.endsWith('[]') ? 2 ** 18 : 2 ** 24)

const measureSchemas = async (): Promise<void> => {
  await using gateway = inProcessGateway(withoutLimits)
  const { paths } = await gateway.document()
  for (const [path, { post }] of Object.entries(paths)) {
    const schema = post?.requestBody?.content['application/json']?.schema
    if (schema === undefined) continue
    const models = (path.startsWith('/v1beta') || path.startsWith('/v1/') ? Object.keys(vendors) : []) as Vendor[]
    for (const model of models)
      for (const { place, build } of shapesOf(schema)) {
        const prepare: Prepare = size => {
          const body = JSON.stringify({ ...(build(size) as object), ...(place !== 'model' && { model }) })
          return () => gateway.send(path.replace('{model}', model), body)
        }
        await measure(`${path} ${place} for ${model}`, prepare, maxSizeOf(place))
      }
  }
}

const measureKinds = async (): Promise<void> => {
  await using gateway = inProcessGateway(withoutLimits)
  for (const [name, { path, contentType, build }] of Object.entries(requestKinds))
    for (const model of Object.keys(vendors)) {
      const prepare: Prepare = size => {
        const body = build(size, model)
        return () => gateway.send(path, body, contentType)
      }
      await measure(`${path} with ${name} for ${model}`, prepare, 2 ** 18)
    }
}

const measureAnswers = async (): Promise<void> => {
  for (const client of chatProtocols) {
    for (const [name, { vendor, text }] of Object.entries(oddStreams))
      await measure(`${vendor} to ${client}: ${name}`, size => streamWork(client, vendor, text(size)), 2 ** 17)
    for (const vendor of chatProtocols)
      for (const [way, prepare] of Object.entries(answerWays))
        for (const [kind, parts] of Object.entries(answerParts))
          await measure(
            `${vendor} to ${client}: ${kind}, ${way}`,
            size => prepare(client, vendor, parts(size)),
            2 ** 16,
          )
  }
}

await measureSchemas()
await measureKinds()
await measureAnswers()
console.log(failed.length === 0 ? 'everything is linear' : `${failed.length} are not linear:\n${failed.join('\n')}`)
process.exitCode = failed.length === 0 ? 0 : 1
