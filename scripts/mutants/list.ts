/** Lists the mutants of source files, always in the same order. */
import ts from 'typescript'
import { awaitEdits, binaryEdits, chainEdits, methodEdits, unaryEdits } from './expressions.ts'
import { defaultEdits, entryEdits, numberEdits, regexEdits, textEdits } from './literals.ts'
import { apply, type Edit, type Mutant } from './mutant.ts'
import { isDebugCall, isProse } from './prose.ts'
import { conditionEdits, earlyReturnEdits, returnEdits, statementEdits } from './statements.ts'

const finders: ((node: ts.Node) => Edit[])[] = [
  conditionEdits,
  earlyReturnEdits,
  returnEdits,
  statementEdits,
  binaryEdits,
  unaryEdits,
  chainEdits,
  awaitEdits,
  methodEdits,
  textEdits,
  numberEdits,
  regexEdits,
  entryEdits,
  defaultEdits,
]

/** Types, imports and debug calls change nothing that a test could see. */
const isSkipped = (node: ts.Node): boolean =>
  (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node) ||
  isDebugCall(node) ||
  (ts.isExpressionStatement(node) && isDebugCall(node.expression)) ||
  (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword))

const parse = (file: string, text: string): ts.SourceFile =>
  ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)

/** The value of an entry `key: value`, else the node itself. */
const entryValue = (node: ts.Node): ts.Node => (ts.isPropertyAssignment(node) ? node.initializer : node)

/**
 * The mutants of one file, by position. `prose` includes sentences in literals, such as the messages of errors; without
 * it, they and the entries that consist of them are left out.
 */
export const mutantsOf = (file: string, text: string, options: { prose?: boolean } = {}): Mutant[] => {
  const source = parse(file, text)
  const found = new Map<string, Mutant>()
  const visit = (node: ts.Node): void => {
    if (isSkipped(node)) return
    const edits = !options.prose && isProse(entryValue(node)) ? [] : finders.flatMap(find => find(node))
    for (const edit of edits) {
      const key = `${edit.start} ${edit.end} ${edit.text}`
      const line = source.getLineAndCharacterOfPosition(edit.start).line + 1
      if (!found.has(key)) found.set(key, { ...edit, file, line })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...found.values()].sort((a, b) => a.start - b.start || a.end - b.end)
}

/** False if the mutated text no longer parses. */
export const parses = (text: string, mutant: Mutant): boolean => {
  const { diagnostics } = ts.transpileModule(apply(text, mutant), {
    fileName: mutant.file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  return (diagnostics ?? []).length === 0
}
