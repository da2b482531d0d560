/** Waiting for something to become true, without guessing how long it takes. */

/** Resolves with the first value that is not false, null or undefined; looks every 5 ms. Throws after `milliseconds`. */
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

/** What `promise` resolves with, or undefined if it takes longer. */
export const resultWithin = <Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> =>
  Promise.race([promise, Bun.sleep(milliseconds).then(() => undefined)])

/** A door that scripts wait at until the test opens it. */
export type Latch = { opened: Promise<void>; open: () => void }

export const createLatch = (): Latch => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}
