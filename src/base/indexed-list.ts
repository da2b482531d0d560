/** A list of active items, such as running requests, which are added and removed thousands of times a second. */

/** `listIndex` is the position in the list that holds the item. An item is in one list at a time. */
export type Indexed = { listIndex?: number | undefined }

/**
 * A set for members that are added and removed often. JavaScriptCore's own `Set` keeps its outgrown tables as a chain,
 * which keeps all their former members alive through collections of the young generation: each such collection then
 * took three times as long.
 */
export class IndexedList<Member extends Indexed> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  /** Does nothing if the member is already in the list. */
  add(member: Member): void {
    if (member.listIndex !== undefined) return
    member.listIndex = this.#members.length
    this.#members.push(member)
  }

  /** The last member moves into the freed position. */
  delete(member: Member): void {
    const { listIndex } = member
    if (listIndex === undefined) return
    const last = this.#members.pop()!
    member.listIndex = undefined
    if (last === member) return
    this.#members[listIndex] = last
    last.listIndex = listIndex
  }

  /** Iterates over a copy, so members may be removed during the iteration. */
  [Symbol.iterator](): Iterator<Member> {
    return [...this.#members].values()
  }
}
