/** A vendor's response is read to its end, or up to its deadline. */
import { expect, test } from 'bun:test'
import { Deadline } from '../../src/upstream/deadline.ts'
import { readText, sniffEventStream } from '../../src/upstream/read-body.ts'

/** A response that ends quietly, half-read, when its deadline passes: as a connection does that the gateway gives up. */
const givenUp = () => {
  const deadline = new Deadline({ onExpired: () => undefined, onCheck: () => undefined })
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        deadline.expire('idle', 3)
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  return { response: new Response(body), deadline, stop: () => undefined }
}

test('a response that ends because its deadline passed is a timeout, not a complete answer', async () => {
  const timeout = { code: 'upstream_timeout', message: 'the vendor has been silent for 3 s' }
  await expect(readText(givenUp(), 3)).rejects.toMatchObject(timeout)
  await expect(sniffEventStream(givenUp(), 3)).rejects.toMatchObject(timeout)
})
