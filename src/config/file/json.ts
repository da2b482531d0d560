/** JSON with comments and trailing commas → a tree with places. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import type { Say } from '../checks/problems.ts'
import { isPollution, type Member, type Place, pathTo, type Tree } from './tree.ts'

/** Where a text's lines begin, and from that line and column of any offset. */
export const createLines = (text: string): ((offset: number) => Place) => {
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

/** Undefined: the text is no JSON, and the report says why. */
export const parseJson = (text: string, say: Say): Tree | undefined => {
  const place = createLines(text)
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const [error] = errors
  if (error || !root) {
    const why = error ? words(printParseErrorCode(error.error)) : 'a value is expected'
    say('error', '', `syntax error: ${why}`, { place: place(error?.offset ?? 0) })
    return
  }
  return read({ text, place, say }, root, '')
}

type Reading = { text: string; place: (offset: number) => Place; say: Say }

const read = (reading: Reading, node: Node, path: string): Tree => {
  const at = reading.place(node.offset)
  if (node.type === 'array')
    return { at, list: (node.children ?? []).map((child, index) => read(reading, child, pathTo(path, index))) }
  if (node.type === 'object') return { at, members: readMembers(reading, node, path) }
  const raw = reading.text.slice(node.offset, node.offset + node.length)
  return { at, scalar: node.value, ...(node.type === 'number' && { raw }) }
}

const readMembers = (reading: Reading, node: Node, path: string): Member[] => {
  const members: Member[] = []
  for (const { children } of node.children ?? []) {
    const [name, value] = children ?? []
    if (!name || !value) continue
    const key = String(name.value)
    const at = reading.place(name.offset)
    put(members, { key, at, value: read(reading, value, pathTo(path, key)) }, path, reading.say)
  }
  return members
}

/** Adds a member; of two with the same key the last one holds. */
export const put = (members: Member[], member: Member, path: string, say: Say): void => {
  const place = member.at
  if (isPollution(member.key)) {
    say('error', pathTo(path, member.key), 'this key is refused', { place })
    return
  }
  const twin = members.findIndex(({ key }) => key === member.key)
  if (twin >= 0) {
    const { line } = members[twin]!.at
    say('warning', pathTo(path, member.key), `written twice; the one in line ${line} is ignored`, { place })
    members.splice(twin, 1)
  }
  members.push(member)
}

const words = (code: string): string => code.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter}`).toLowerCase()
