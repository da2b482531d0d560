/**
 * Probes tell which tests execute a statement, also in processes that a test starts: each writes a byte into a file that
 * all of them map into memory. `bun test --coverage` sees the test's own process only.
 */
import ts from 'typescript'

/** The code from `start` to `end` runs if the byte `id` is set, unless a smaller range says otherwise. */
export type Probe = { id: number; start: number; end: number }

export type Probed = { text: string; probes: Probe[] }

type Insertion = { at: number; text: string; isEnd: boolean }

const hits = '__mutantHits'

/** The module that every probed file imports. `file` is an existing file with one byte for each probe. */
export const hitsModule = (file: string): string =>
  `export const ${hits}: Uint8Array = Bun.mmap(${JSON.stringify(file)}, { shared: true })\n`

/**
 * The text with probes, whose numbers begin at `firstId`, on the lines they had. The first probe covers the whole file:
 * it is set when the file is loaded.
 */
export const withProbes = (text: string, firstId: number, hitsPath: string): Probed => {
  const source = ts.createSourceFile('probed.ts', text, ts.ScriptTarget.Latest, true)
  const probes: Probe[] = [{ id: firstId, start: 0, end: text.length }]
  const insertions: Insertion[] = []
  const add = (node: ts.Node, before: (set: string) => string, after = ''): void => {
    const probe = { id: firstId + probes.length, start: node.getStart(), end: node.end }
    probes.push(probe)
    insertions.push({ at: probe.start, text: before(`${hits}[${probe.id}]=1`), isEnd: false })
    if (after) insertions.push({ at: probe.end, text: after, isEnd: true })
  }
  const visit = (node: ts.Node): void => {
    if (isInnerStatement(node)) {
      if (isInList(node)) add(node, set => `${set};`)
      else add(node, set => `{${set};`, '}')
    } else if (isOwnExpression(node)) add(node, set => `(${set},`, ')')
    ts.forEachChild(node, visit)
  }
  visit(source)
  const begin = source.statements[0]?.getStart() ?? 0
  const load = `import { ${hits} } from ${JSON.stringify(hitsPath)};${hits}[${firstId}]=1;`
  return { text: insert(text, [{ at: begin, text: load, isEnd: false }, ...insertions]), probes }
}

const isInList = (node: ts.Node): boolean => ts.isBlock(node.parent) || ts.isCaseOrDefaultClause(node.parent)

/** A statement of a block or a branch. Declarations of functions and types run nothing. */
const isInnerStatement = (node: ts.Node): boolean => {
  if (!ts.isStatement(node) || ts.isBlock(node) || ts.isSourceFile(node.parent) || ts.isModuleBlock(node.parent))
    return false
  if (ts.isFunctionDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)) return false
  const { parent } = node
  return isInList(node) || ts.isIfStatement(parent) || ts.isIterationStatement(parent, false)
}

/** The body of `=> value`, and both values of `a ? b : c`. */
const isOwnExpression = (node: ts.Node): boolean => {
  const { parent } = node
  if (!parent) return false
  if (ts.isArrowFunction(parent)) return parent.body === node && !ts.isBlock(node)
  return ts.isConditionalExpression(parent) && (parent.whenTrue === node || parent.whenFalse === node)
}

/** Inner ends come before outer ones, and ends before beginnings. */
const insert = (text: string, insertions: Insertion[]): string => {
  const ordered = insertions
    .map((insertion, index) => ({ ...insertion, index }))
    .sort(
      (a, b) => a.at - b.at || Number(b.isEnd) - Number(a.isEnd) || (a.isEnd ? b.index - a.index : a.index - b.index),
    )
  const parts: string[] = []
  let from = 0
  for (const { at, text: inserted } of ordered) {
    parts.push(text.slice(from, at), inserted)
    from = at
  }
  return [...parts, text.slice(from)].join('')
}

/** The probe of the smallest range around `offset`. */
export const probeAt = (probes: readonly Probe[], offset: number): Probe =>
  probes
    .filter(({ start, end }) => start <= offset && offset < end)
    .reduce((least, probe) => (probe.end - probe.start <= least.end - least.start ? probe : least), probes[0]!)
