/** Waits for conditions and promises, without guesses about how long they take. */

/**
 * Checks `condition` every 5 ms and resolves with its first value that is not false, null or undefined.
 * @throws if there is none within `milliseconds`.
 */
export const waitUntil = async <Value>(
  condition: () => Value | Promise<Value>,
  milliseconds = 5000,
): Promise<NonNullable<Exclude<Value, false>>> => {
  const deadline = performance.now() + milliseconds
  for (;;) {
    const value = await condition()
    if (value !== false && value !== null && value !== undefined) return value as NonNullable<Exclude<Value, false>>
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${condition.toString()}`)
    await Bun.sleep(5)
  }
}

/** The result of `promise`, or undefined if it takes longer than `milliseconds`. */
export const resultWithin = <Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> =>
  Promise.race([promise, Bun.sleep(milliseconds).then(() => undefined)])

/** A latch: scripts wait for `opened` until the test calls `open`. */
export type Latch = { opened: Promise<void>; open: () => void }

export const createLatch = (): Latch => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}
