/** Tracks whether a streamed upload waits for the client or for the vendor. */

type UploadTurns = {
  /** The client has to send the next piece. */
  onClientTurn: () => void
  /** The vendor has to accept what was sent, or to respond. */
  onVendorTurn: () => void
}

/** Returns the same stream and reports through `turns` which side has to act. */
export const trackUploadTurns = (
  payload: ReadableStream<Uint8Array>,
  turns: UploadTurns,
): ReadableStream<Uint8Array> => {
  const reader = payload.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      turns.onClientTurn()
      const { value, done } = await reader.read()
      turns.onVendorTurn()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: reason => reader.cancel(reason),
  })
}
