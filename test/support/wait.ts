/** Waiting for something to become true, without guessing how long it takes. */

/** Resolves with the first value that is not false, null or undefined; looks every 5 ms. Throws after `milliseconds`. */
export const until = async <Value>(
  look: () => Value | Promise<Value>,
  milliseconds = 5000,
): Promise<NonNullable<Exclude<Value, false>>> => {
  const due = performance.now() + milliseconds
  for (;;) {
    const seen = await look()
    if (seen !== false && seen !== null && seen !== undefined) return seen as NonNullable<Exclude<Value, false>>
    if (performance.now() > due) throw new Error(`not within ${milliseconds} ms: ${look.toString()}`)
    await Bun.sleep(5)
  }
}

/** What `promise` resolves with, or undefined if it takes longer. */
export const within = <Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> =>
  Promise.race([promise, Bun.sleep(milliseconds).then(() => undefined)])

/** A door that scripts wait at until the test opens it. */
export type Gate = { opened: Promise<void>; open: () => void }

export const gate = (): Gate => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}
