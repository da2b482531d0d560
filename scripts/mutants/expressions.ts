/** Mutants of expressions: operators, calls, `await`, optional chains. */
import ts from 'typescript'
import type { Edit, Operator } from './mutant.ts'

const { SyntaxKind: Kind } = ts

const swaps = new Map<ts.SyntaxKind, [Operator, string]>([
  [Kind.LessThanToken, ['boundary', '<=']],
  [Kind.LessThanEqualsToken, ['boundary', '<']],
  [Kind.GreaterThanToken, ['boundary', '>=']],
  [Kind.GreaterThanEqualsToken, ['boundary', '>']],
  [Kind.EqualsEqualsEqualsToken, ['equality', '!==']],
  [Kind.ExclamationEqualsEqualsToken, ['equality', '===']],
  [Kind.EqualsEqualsToken, ['equality', '!=']],
  [Kind.ExclamationEqualsToken, ['equality', '==']],
  [Kind.PlusToken, ['arithmetic', '-']],
  [Kind.MinusToken, ['arithmetic', '+']],
  [Kind.AsteriskToken, ['arithmetic', '/']],
  [Kind.SlashToken, ['arithmetic', '*']],
  [Kind.PercentToken, ['arithmetic', '*']],
  [Kind.AsteriskAsteriskToken, ['arithmetic', '*']],
  [Kind.PlusEqualsToken, ['arithmetic', '-=']],
  [Kind.MinusEqualsToken, ['arithmetic', '+=']],
  [Kind.AsteriskEqualsToken, ['arithmetic', '/=']],
  [Kind.SlashEqualsToken, ['arithmetic', '*=']],
  [Kind.AmpersandAmpersandToken, ['logical', '||']],
  [Kind.BarBarToken, ['logical', '&&']],
])

const otherMethods = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
])
const droppedMethods = new Set(['toLowerCase', 'toUpperCase', 'trim', 'trimEnd', 'trimStart', 'sort', 'reverse'])

const replace = (operator: Operator, node: ts.Node, text: string): Edit => ({
  operator,
  start: node.getStart(),
  end: node.end,
  text,
})

/** True for an expression that joins text, as far as its literals show: `'a' + b`, and `b + 'a' + c`. */
const isText = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isParenthesizedExpression(node) && isText(node.expression)) ||
  (ts.isBinaryExpression(node) &&
    node.operatorToken.kind === Kind.PlusToken &&
    (isText(node.left) || isText(node.right)))

/** The outermost `+` of a chain, so that `a + b + 'c'` is text as a whole. */
const chainOf = (node: ts.BinaryExpression): ts.BinaryExpression => {
  const { parent } = node
  const isChained = ts.isBinaryExpression(parent) && parent.operatorToken.kind === Kind.PlusToken
  return isChained ? chainOf(parent) : node
}

export const binaryEdits = (node: ts.Node): Edit[] => {
  if (!ts.isBinaryExpression(node)) return []
  const { left, operatorToken, right } = node
  if (operatorToken.kind === Kind.QuestionQuestionToken)
    return [{ operator: 'nullish', start: left.end, end: right.end, text: '' }]
  const swap = swaps.get(operatorToken.kind)
  if (!swap) return []
  if (operatorToken.kind === Kind.PlusToken && isText(chainOf(node))) return []
  if (operatorToken.kind === Kind.PlusEqualsToken && isText(right)) return []
  const [operator, text] = swap
  if (operator !== 'logical') return [replace(operator, operatorToken, text)]
  return [replace(operator, node, `(${operandText(left)} ${text} ${operandText(right)})`)]
}

/** In parentheses if it is an operation, which `&&` in place of `||` would group differently. */
const operandText = (node: ts.Expression): string =>
  ts.isBinaryExpression(node) && swaps.get(node.operatorToken.kind)?.[0] === 'logical'
    ? `(${node.getText()})`
    : node.getText()

export const unaryEdits = (node: ts.Node): Edit[] => {
  if (ts.isPrefixUnaryExpression(node) && node.operator === Kind.ExclamationToken)
    return isDoubled(node) ? [] : [replace('negation', node, node.operand.getText())]
  if (ts.isPrefixUnaryExpression(node) && node.operator === Kind.MinusToken)
    return [replace('arithmetic', node, node.operand.getText())]
  if (!ts.isPrefixUnaryExpression(node) && !ts.isPostfixUnaryExpression(node)) return []
  const operand = node.operand.getText()
  const other = node.operator === Kind.PlusPlusToken ? '--' : node.operator === Kind.MinusMinusToken ? '++' : undefined
  if (other === undefined) return []
  return [replace('arithmetic', node, ts.isPrefixUnaryExpression(node) ? other + operand : operand + other)]
}

/** `!!a` is a conversion; one of its halves alone is no likely mistake. */
const isDoubled = (node: ts.PrefixUnaryExpression): boolean => {
  const isNot = (other: ts.Node) => ts.isPrefixUnaryExpression(other) && other.operator === Kind.ExclamationToken
  return isNot(node.operand) || isNot(node.parent)
}

export const chainEdits = (node: ts.Node): Edit[] => {
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node) && !ts.isCallExpression(node))
    return []
  const token = node.questionDotToken
  return token ? [replace('optional-chain', token, ts.isPropertyAccessExpression(node) ? '.' : '')] : []
}

/** Without `await`, unless a plain `return await` hands the same promise on anyway. */
export const awaitEdits = (node: ts.Node): Edit[] => {
  if (!ts.isAwaitExpression(node)) return []
  const isHandedOn = ts.isArrowFunction(node.parent) || (ts.isReturnStatement(node.parent) && !isInTry(node))
  return isHandedOn ? [] : [replace('await', node, node.expression.getText())]
}

const isInTry = (node: ts.Node): boolean =>
  ts.isTryStatement(node) || (!ts.isFunctionLike(node) && !ts.isSourceFile(node) && isInTry(node.parent))

export const methodEdits = (node: ts.Node): Edit[] => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return []
  const { expression, name } = node.expression
  if (droppedMethods.has(name.text)) return [replace('method', node, expression.getText())]
  const other = expression.getText() === 'Math' ? { min: 'max', max: 'min' }[name.text] : otherMethods.get(name.text)
  return other === undefined ? [] : [replace('method', name, other)]
}
