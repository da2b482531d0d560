/** A payload that is streamed from the client to the vendor: which of them is being waited for. */

export type UploadTurns = {
  /** The client has to send the next piece. */
  onClientTurn: () => void
  /** The vendor has to take what was sent, or to answer. */
  onVendorTurn: () => void
}

/** The same stream, which tells whose turn it is. */
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
