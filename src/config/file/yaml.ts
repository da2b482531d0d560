/**
 * Parses YAML into a tree with positions. Anchors and `<<` are supported. A file that expands too far by them is
 * refused.
 */
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
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import type { ReportProblem } from '../checks/problems.ts'
import { MemberCollector } from './json.ts'
import { type ObjectMember, pathTo, type SourcePosition, type Tree } from './tree.ts'

const maxSize = { nodes: 100_000, depth: 64 }

/** Messages for the parser's error codes. The parser's own messages quote the text, which may be a secret. */
const errorMessages: Record<string, string> = {
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

/** Undefined if the text is not valid YAML. The problem has been reported. */
export const parseYaml = (text: string, report: ReportProblem): Tree | undefined => {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter,
    uniqueKeys: false,
    merge: true,
    prettyErrors: false,
    strict: true,
  })
  const positionAt = (offset: number): SourcePosition => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const [error] = document.errors
  if (error) {
    const reason = errorMessages[error.code] ?? error.code.toLowerCase().replaceAll('_', ' ')
    report('error', '', `syntax error: ${reason}`, { place: positionAt(error.pos[0]) })
    return
  }
  try {
    let isValid = true
    const reportAndTrack: ReportProblem = (level, ...rest) => {
      if (level === 'error') isValid = false
      report(level, ...rest)
    }
    const tree = read({ document, positionAt, report: reportAndTrack, nodes: 0 }, document.contents, '', 0)
    return isValid ? tree : undefined
  } catch (thrown) {
    if (!(thrown instanceof TooLarge)) throw thrown
    report('error', '', 'the anchors of this file unfold to more than a configuration can be')
  }
}

class TooLarge extends Error {}

type ReadContext = {
  document: Document
  positionAt: (offset: number) => SourcePosition
  report: ReportProblem
  nodes: number
  /** What each alias stands for. Found when the first alias is read. */
  aliases?: ReadonlyMap<Alias, Node>
}

const read = (context: ReadContext, node: Node | null, path: string, depth: number): Tree => {
  countNode(context, depth)
  const position = context.positionAt(node?.range?.[0] ?? 0)
  if (isAlias(node)) return { ...read(context, resolveAlias(context, node), path, depth + 1), position }
  if (isSeq<Node>(node))
    return { position, list: node.items.map((item, index) => read(context, item, pathTo(path, index), depth + 1)) }
  if (isMap<Node, Node>(node)) return { position, members: readMembers(context, node, path, depth) }
  if (!isScalar(node)) return { position, scalar: null }
  return readScalar(node, position)
}

const readScalar = (node: Scalar, position: SourcePosition): Tree => {
  const { value, source } = node
  if (typeof value === 'number' || typeof value === 'boolean')
    return { position, scalar: value, raw: source ?? String(value), isCoercible: true }
  if (typeof value !== 'string') return { position, scalar: value == null ? null : String(source ?? value) }
  // YAML 1.1, which simple-one-api reads, has more words for booleans.
  return {
    position,
    scalar: value,
    ...(node.type === 'PLAIN' && /^(?:yes|no|on|off)$/i.test(value) && { isCoercible: true }),
  }
}

/**
 * The node of the last anchor of that name before the alias. The parser's own look-up walks the whole document for each
 * alias; this one walks it once.
 */
const resolveAlias = (context: ReadContext, alias: Alias): Node | null => {
  context.aliases ??= readAliases(context.document)
  const node = context.aliases.get(alias)
  const place = context.positionAt(alias.range?.[0] ?? 0)
  if (!node) context.report('error', '', `syntax error: ${errorMessages['BAD_ALIAS']}`, { place })
  return node ?? null
}

const readAliases = (document: Document): ReadonlyMap<Alias, Node> => {
  const anchors = new Map<string, Node>()
  const aliases = new Map<Alias, Node>()
  visit(document, {
    Node: (_key, node) => {
      const named = isAlias(node) ? anchors.get(node.source) : undefined
      if (isAlias(node)) named && aliases.set(node, named)
      else if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return aliases
}

const readMembers = (context: ReadContext, map: YAMLMap<Node, Node>, path: string, depth: number): ObjectMember[] => {
  const members = new MemberCollector(path, context.report)
  const inherited: ObjectMember[] = []
  for (const { key: name, value } of map.items as Pair<Node, Node | null>[]) {
    const key = isScalar(name) ? String(name.source ?? name.value ?? '') : ''
    if (key === '<<') {
      merge(context, value, { path, depth, into: inherited })
      continue
    }
    const position = context.positionAt(name?.range?.[0] ?? 0)
    members.add({ key, position, value: read(context, value, pathTo(path, key), depth + 1) })
  }
  for (const member of inherited) members.inherit(member)
  return members.members
}

type Merge = { path: string; depth: number; into: ObjectMember[] }

/** Collects the members that `<<` merges in. If several maps are merged, the first takes precedence. */
const merge = (context: ReadContext, value: Node | null, { path, depth, into }: Merge): void => {
  countNode(context, depth)
  const inner = { path, depth: depth + 1, into }
  if (isAlias(value)) merge(context, resolveAlias(context, value), inner)
  else if (isSeq<Node>(value)) for (const item of value.items) merge(context, item, inner)
  else if (isMap<Node, Node>(value)) {
    for (const member of readMembers(context, value, path, depth + 1)) {
      countNode(context, depth)
      into.push(member)
    }
  }
}

/** Every node that is read counts, and again each time an alias or a merge repeats it. */
const countNode = (context: ReadContext, depth: number): void => {
  if (++context.nodes > maxSize.nodes || depth > maxSize.depth) throw new TooLarge()
}
