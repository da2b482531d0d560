/** Counts the work done with arrays: a measure that other work on the machine does not change. */

type ArrayMethod = (this: unknown[], ...args: unknown[]) => unknown

const withCallback = ['every', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'flatMap', 'forEach', 'map']
const moreWithCallback = ['reduce', 'some', 'toSorted', 'sort']
const searches = ['includes', 'indexOf', 'lastIndexOf']
const copies = ['concat', 'flat', 'join', 'reverse', 'slice', 'splice', 'shift', 'unshift']

/**
 * Returns how many elements of arrays are visited while `work` runs: by loops over values, spreading, and the methods
 * that search, copy or call back. Loops over indexes are not seen.
 */
export const visitsDuring = (work: () => void): number => {
  let visits = 0
  const prototype = Array.prototype as unknown as Record<string | symbol, ArrayMethod>
  const originals = new Map<string | symbol, ArrayMethod>()
  const replace = (name: string | symbol, create: (original: ArrayMethod) => ArrayMethod): void => {
    const original = prototype[name]!
    originals.set(name, original)
    Object.defineProperty(prototype, name, { value: create(original), configurable: true, writable: true })
  }
  for (const name of [...withCallback, ...moreWithCallback])
    replace(
      name,
      original =>
        function (callback, ...others) {
          if (typeof callback !== 'function') return original.call(this, callback, ...others)
          const counted = (...args: unknown[]): unknown => {
            visits++
            return callback(...args)
          }
          return original.call(this, counted, ...others)
        },
    )
  for (const name of [...searches, ...copies])
    replace(
      name,
      original =>
        function (...args) {
          const result = original.apply(this, args)
          visits += name === 'slice' ? (result as unknown[]).length : this.length
          return result
        },
    )
  replace(
    Symbol.iterator,
    () =>
      function* (this: unknown[]) {
        for (let index = 0; index < this.length; index++) {
          visits++
          yield this[index]
        }
      } as ArrayMethod,
  )
  try {
    work()
  } finally {
    for (const [name, value] of originals)
      Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
  return visits
}
