/** Mutants of literals: text, numbers, booleans, regular expressions, entries of objects and lists, default values. */
import ts from 'typescript'
import type { Edit, Operator } from './mutant.ts'

const { SyntaxKind: Kind } = ts

const replace = (operator: Operator, node: ts.Node, text: string): Edit => ({
  operator,
  start: node.getStart(),
  end: node.end,
  text,
})

/** Positions in which text is a name, not a value. */
const isName = (node: ts.Node): boolean => {
  const { parent } = node
  return (
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    ts.isExpressionStatement(parent) ||
    ts.isTaggedTemplateExpression(parent) ||
    (ts.isCallExpression(parent) && parent.expression.kind === Kind.ImportKeyword)
  )
}

export const textEdits = (node: ts.Node): Edit[] => {
  if (ts.isTemplateExpression(node) && !isName(node)) return [replace('string', node, "''")]
  if (!ts.isStringLiteralLike(node) || isName(node)) return []
  return [replace('string', node, node.text === '' ? "'mutated'" : "''")]
}

/** Below 10 the next number, for boundaries; a larger one is a size or a time, and one more would change nothing. */
export const numberEdits = (node: ts.Node): Edit[] => {
  if (node.kind === Kind.TrueKeyword) return [replace('boolean', node, 'false')]
  if (node.kind === Kind.FalseKeyword) return [replace('boolean', node, 'true')]
  if (ts.isBigIntLiteral(node)) return [replace('number', node, node.text === '0n' ? '1n' : '0n')]
  if (!ts.isNumericLiteral(node)) return []
  const value = Number(node.text)
  return [replace('number', node, value < 10 ? String(value + 1) : '0')]
}

export const regexEdits = (node: ts.Node): Edit[] => {
  if (!ts.isRegularExpressionLiteral(node)) return []
  const end = node.text.lastIndexOf('/')
  const body = node.text.slice(1, end)
  const flags = node.text.slice(end + 1)
  const changed = [
    '/(?!)/' + flags,
    body.startsWith('^') && body.length > 1 && `/${body.slice(1)}/${flags}`,
    /[^\\]\$$/.test(body) && `/${body.slice(0, -1)}/${flags}`,
    flags.includes('i') && `/${body}/${flags.replace('i', '')}`,
    /(?<!\\)\[/.test(body) && `/${body.replace(/(?<!\\)\[(\^?)/, (_, not) => (not ? '[' : '[^'))}/${flags}`,
  ]
  return changed.flatMap(text => (text ? [replace('regex', node, text)] : []))
}

/** An object literal, or an array literal that is no target of an assignment and no key and value of a Map. */
const isList = (node: ts.Node): node is ts.ObjectLiteralExpression | ts.ArrayLiteralExpression => {
  if (!ts.isObjectLiteralExpression(node) && !ts.isArrayLiteralExpression(node)) return false
  const { parent } = node
  const isTarget =
    (ts.isBinaryExpression(parent) && parent.operatorToken.kind === Kind.EqualsToken && parent.left === node) ||
    (ts.isForOfStatement(parent) && parent.initializer === node)
  const list = parent.parent
  const isPair = ts.isArrayLiteralExpression(parent) && ts.isNewExpression(list) && list.expression.getText() === 'Map'
  return !isTarget && !isPair
}

export const entryEdits = (node: ts.Node): Edit[] => {
  const { parent } = node
  if (ts.isSourceFile(node) || !isList(parent) || ts.isOmittedExpression(node)) return []
  const after = node.getSourceFile().text.slice(node.end)
  const comma = /^\s*,/.exec(after)?.[0].length ?? 0
  return [{ operator: 'entry', start: node.getStart(), end: node.end + comma, text: '' }]
}

export const defaultEdits = (node: ts.Node): Edit[] => {
  if ((!ts.isParameter(node) && !ts.isBindingElement(node)) || !node.initializer) return []
  const before = ts.isParameter(node) ? (node.type ?? node.name) : node.name
  return [{ operator: 'default', start: before.end, end: node.initializer.end, text: '' }]
}
