/** YAML → a tree with places. Anchors and `<<` are followed; a file that multiplies itself by them is refused. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { Say } from '../checks/problems.ts'
import { put } from './json.ts'
import { type Member, type Place, pathTo, type Tree } from './tree.ts'

const maximum = { nodes: 100_000, depth: 64 }

/** What the parser's codes mean. Its own messages quote the text, which may be a secret. */
const meanings: Record<string, string> = {
  BAD_INDENT: 'the indentation does not fit',
  TAB_AS_INDENT: 'a tab is used as indentation; YAML wants spaces',
  MISSING_CHAR: 'a character is missing (a closing quote, bracket, comma or colon)',
  UNEXPECTED_TOKEN: 'this is not expected here',
  BAD_SCALAR_START: 'a text that starts with this character needs quotes',
  BAD_DQ_ESCAPE: 'this backslash sequence is not known',
  BAD_ALIAS: 'the anchor it names does not exist above',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line (is a colon or a quote missing?)',
  BLOCK_AS_IMPLICIT_KEY: 'a nested mapping needs a line of its own (is there one colon too many?)',
  BLOCK_IN_FLOW: 'a block cannot stand inside brackets',
  MULTIPLE_DOCS: 'the file holds more than one document',
  TAG_RESOLVE_FAILED: 'this tag is not known',
  BAD_COLLECTION_TYPE: 'this tag does not fit its value',
  BAD_DIRECTIVE: 'this directive is not known',
  KEY_OVER_1024_CHARS: 'the key is too long',
}

/** Undefined: the text is no YAML, and the report says why. */
export const parseYaml = (text: string, say: Say): Tree | undefined => {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter,
    uniqueKeys: false,
    merge: true,
    prettyErrors: false,
    strict: true,
  })
  const place = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const [error] = document.errors
  if (error) {
    const why = meanings[error.code] ?? error.code.toLowerCase().replaceAll('_', ' ')
    say('error', '', `syntax error: ${why}`, { place: place(error.pos[0]) })
    return
  }
  try {
    let isWhole = true
    const tell: Say = (level, ...rest) => {
      if (level === 'error') isWhole = false
      say(level, ...rest)
    }
    const tree = read({ document, place, say: tell, nodes: 0 }, document.contents, '', 0)
    return isWhole ? tree : undefined
  } catch (thrown) {
    if (!(thrown instanceof TooLarge)) throw thrown
    say('error', '', 'the anchors of this file unfold to more than a configuration can be')
  }
}

class TooLarge extends Error {}

type Reading = {
  document: Document
  place: (offset: number) => Place
  say: Say
  nodes: number
}

const read = (reading: Reading, node: Node | null, path: string, depth: number): Tree => {
  if (++reading.nodes > maximum.nodes || depth > maximum.depth) throw new TooLarge()
  const at = reading.place(node?.range?.[0] ?? 0)
  if (isAlias(node)) return { ...read(reading, follow(reading, node), path, depth + 1), at }
  if (isSeq<Node>(node))
    return { at, list: node.items.map((item, index) => read(reading, item, pathTo(path, index), depth + 1)) }
  if (isMap<Node, Node>(node)) return { at, members: readMembers(reading, node, path, depth) }
  if (!isScalar(node)) return { at, scalar: null }
  const { value, source } = node
  if (typeof value === 'number') return { at, scalar: value, raw: source ?? String(value), soft: true }
  if (typeof value === 'boolean') return { at, scalar: value, raw: source ?? String(value), soft: true }
  if (typeof value !== 'string') return { at, scalar: value == null ? null : String(source ?? value) }
  // YAML 1.1, which simple-one-api reads, has more words for a boolean.
  return { at, scalar: value, ...(node.type === 'PLAIN' && /^(?:yes|no|on|off)$/i.test(value) && { soft: true }) }
}

const follow = ({ document, place, say }: Reading, alias: Alias): Node | null => {
  const node = alias.resolve(document)
  if (!node) say('error', '', `syntax error: ${meanings['BAD_ALIAS']}`, { place: place(alias.range?.[0] ?? 0) })
  return node ?? null
}

const readMembers = (reading: Reading, map: YAMLMap<Node, Node>, path: string, depth: number): Member[] => {
  const members: Member[] = []
  const inherited: Member[] = []
  for (const { key: name, value } of map.items as Pair<Node, Node | null>[]) {
    const key = isScalar(name) ? String(name.source ?? name.value ?? '') : ''
    if (key === '<<') {
      inherited.push(...merge(reading, value, path, depth))
      continue
    }
    const at = reading.place(name?.range?.[0] ?? 0)
    put(members, { key, at, value: read(reading, value, pathTo(path, key), depth + 1) }, path, reading.say)
  }
  const own = new Set(members.map(({ key }) => key))
  for (const member of inherited) if (!own.has(member.key) && own.add(member.key)) members.push(member)
  return members
}

/** The members a `<<` brings, of several maps the first one's before the others'. */
const merge = (reading: Reading, value: Node | null, path: string, depth: number): Member[] => {
  if (depth > maximum.depth) throw new TooLarge()
  if (isAlias(value)) return merge(reading, follow(reading, value), path, depth + 1)
  if (isSeq<Node>(value)) return value.items.flatMap(item => merge(reading, item, path, depth + 1))
  return isMap<Node, Node>(value) ? readMembers(reading, value, path, depth + 1) : []
}
