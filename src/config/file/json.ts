/** Parses JSON with comments and trailing commas into a tree with positions. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import type { ReportProblem } from '../checks/problems.ts'
import { isPrototypeKey, type ObjectMember, pathTo, type SourcePosition, type Tree } from './tree.ts'

/** Returns a function that converts an offset of the text into line and column. */
const createPositionLookup = (text: string): ((offset: number) => SourcePosition) => {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return offset => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - starts[low]! + 1 }
  }
}

/** Undefined if the text is not valid JSON. The problem has been reported. */
export const parseJson = (text: string, report: ReportProblem): Tree | undefined => {
  const place = createPositionLookup(text)
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const [error] = errors
  if (error || !root) {
    const reason = error ? errorCodeText(printParseErrorCode(error.error)) : 'a value is expected'
    report('error', '', `syntax error: ${reason}`, { place: place(error?.offset ?? 0) })
    return
  }
  return read({ text, positionAt: place, report }, root, '')
}

type ReadContext = { text: string; positionAt: (offset: number) => SourcePosition; report: ReportProblem }

const read = (context: ReadContext, node: Node, path: string): Tree => {
  const position = context.positionAt(node.offset)
  if (node.type === 'array')
    return { position, list: (node.children ?? []).map((child, index) => read(context, child, pathTo(path, index))) }
  if (node.type === 'object') return { position, members: readMembers(context, node, path) }
  const raw = context.text.slice(node.offset, node.offset + node.length)
  return { position, scalar: node.value, ...(node.type === 'number' && { raw }) }
}

const readMembers = (context: ReadContext, node: Node, path: string): ObjectMember[] => {
  const members = new MemberCollector(path, context.report)
  for (const { children } of node.children ?? []) {
    const [name, value] = children ?? []
    if (!name || !value) continue
    const key = String(name.value)
    const position = context.positionAt(name.offset)
    members.add({ key, position, value: read(context, value, pathTo(path, key)) })
  }
  return members.members
}

/** Collects the members of one object in the order of the file. If a key is repeated, the last one wins. */
export class MemberCollector {
  readonly #byKey = new Map<string, ObjectMember>()

  constructor(
    private readonly path: string,
    private readonly report: ReportProblem,
  ) {}

  add(member: ObjectMember): void {
    const { key, position: place } = member
    if (isPrototypeKey(key)) {
      this.report('error', pathTo(this.path, key), 'this key is refused', { place })
      return
    }
    const duplicate = this.#byKey.get(key)
    if (duplicate) {
      const { line } = duplicate.position
      this.report('warning', pathTo(this.path, key), `written twice; the one in line ${line} is ignored`, { place })
      this.#byKey.delete(key)
    }
    this.#byKey.set(key, member)
  }

  /** Adds a member that a merge brings in, unless the object has the key already. */
  inherit(member: ObjectMember): void {
    if (!this.#byKey.has(member.key)) this.#byKey.set(member.key, member)
  }

  get members(): ObjectMember[] {
    return [...this.#byKey.values()]
  }
}

const errorCodeText = (code: string): string => code.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter}`).toLowerCase()
