/** Who is under way: joins and leaves thousands of times a second. */

/** `rank`: its place on the roster it stands on; it stands on one at a time. */
export type Indexed = { listIndex?: number | undefined }

/**
 * A set whose members come and go. JavaScriptCore's own `Set` leaves its outgrown tables behind as a chain, which keeps all members they ever
 * held alive through the collections of young objects: each of those then took three times as long.
 */
export class IndexedList<Member extends Indexed> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  /** Does nothing to who stands on it already. */
  add(member: Member): void {
    if (member.listIndex !== undefined) return
    member.listIndex = this.#members.length
    this.#members.push(member)
  }

  /** The last one takes the place that becomes free. */
  delete(member: Member): void {
    const { listIndex } = member
    if (listIndex === undefined) return
    const last = this.#members.pop()!
    member.listIndex = undefined
    if (last === member) return
    this.#members[listIndex] = last
    last.listIndex = listIndex
  }

  /** Those who stand on it now, also if some leave meanwhile. */
  [Symbol.iterator](): Iterator<Member> {
    return [...this.#members].values()
  }
}
