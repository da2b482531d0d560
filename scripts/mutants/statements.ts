/** Mutants of statements: conditions, what a function returns, removed statements. */
import ts from 'typescript'
import type { Edit, Operator } from './mutant.ts'

const { SyntaxKind: Kind } = ts

const replace = (operator: Operator, node: ts.Node, text: string): Edit => ({
  operator,
  start: node.getStart(),
  end: node.end,
  text,
})

const comparisons = new Set([
  Kind.LessThanToken,
  Kind.LessThanEqualsToken,
  Kind.GreaterThanToken,
  Kind.GreaterThanEqualsToken,
  Kind.EqualsEqualsEqualsToken,
  Kind.ExclamationEqualsEqualsToken,
  Kind.EqualsEqualsToken,
  Kind.ExclamationEqualsToken,
])
const booleanOperators = new Set<ts.SyntaxKind>([...comparisons, Kind.InKeyword, Kind.InstanceOfKeyword])
const booleanCalls = /^(?:(?:is|has|can|should)[A-Z]\w*|some|every|includes|startsWith|endsWith|test|has|is\w*)$/

const isNot = (node: ts.Node): boolean => ts.isPrefixUnaryExpression(node) && node.operator === Kind.ExclamationToken

/** Equality and `!` have operators of their own, whose mutants are the negation. */
const isNegatedElsewhere = (node: ts.Expression): boolean =>
  isNot(node) || (ts.isBinaryExpression(node) && /^[!=]==?$/.test(node.operatorToken.getText()))

const conditionOf = (node: ts.Node): ts.Expression | undefined => {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression
  return ts.isConditionalExpression(node) || ts.isForStatement(node) ? node.condition : undefined
}

/** Negated and forced. A loop is not forced to go on: that hangs, which shows nothing. */
export const conditionEdits = (node: ts.Node): Edit[] => {
  const condition = conditionOf(node)
  if (!condition || condition.kind === Kind.TrueKeyword || condition.kind === Kind.FalseKeyword) return []
  const isBranch = ts.isIfStatement(node) || ts.isConditionalExpression(node)
  const texts = [
    ...(isBranch && !isNegatedElsewhere(condition) ? [`!(${condition.getText()})`] : []),
    ...(isBranch ? ['true'] : []),
    ...(isEarlyReturn(node) ? [] : ['false']),
  ]
  return texts.map(text => replace('condition', condition, text))
}

const leaves = (node: ts.Statement): boolean =>
  ts.isReturnStatement(node) ||
  ts.isThrowStatement(node) ||
  ts.isContinueStatement(node) ||
  ts.isBreakStatement(node) ||
  (ts.isBlock(node) && node.statements.length > 0 && leaves(node.statements.at(-1)!))

const isEarlyReturn = (node: ts.Node): boolean =>
  ts.isIfStatement(node) && !node.elseStatement && leaves(node.thenStatement)

export const earlyReturnEdits = (node: ts.Node): Edit[] =>
  isEarlyReturn(node) ? [replace('early-return', node, '{}')] : []

const isBoolean = (node: ts.Expression): boolean => {
  if (ts.isParenthesizedExpression(node)) return isBoolean(node.expression)
  if (isNot(node)) return true
  if (ts.isCallExpression(node)) {
    const { expression } = node
    return booleanCalls.test(ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText())
  }
  if (!ts.isBinaryExpression(node)) return false
  const { kind } = node.operatorToken
  const isLogical = kind === Kind.AmpersandAmpersandToken || kind === Kind.BarBarToken
  return booleanOperators.has(kind) || (isLogical && isBoolean(node.left) && isBoolean(node.right))
}

const isFixed = (node: ts.Expression): boolean =>
  node.getText() === 'undefined' || node.kind === Kind.TrueKeyword || node.kind === Kind.FalseKeyword

/** Both truth values for what is seen to be boolean, `undefined` for the rest. Literals have an operator of their own. */
export const returnEdits = (node: ts.Node): Edit[] => {
  const value = ts.isReturnStatement(node)
    ? node.expression
    : ts.isArrowFunction(node) && !ts.isBlock(node.body)
      ? node.body
      : undefined
  if (!value || isFixed(value) || ts.isVoidExpression(value)) return []
  return (isBoolean(value) ? ['true', 'false'] : ['undefined']).map(text => replace('return', value, text))
}

export const statementEdits = (node: ts.Node): Edit[] => {
  const isRemovable = ts.isExpressionStatement(node) || ts.isThrowStatement(node)
  if (!isRemovable || isSuper(node.expression) || ts.isStringLiteral(node.expression)) return []
  return [replace('statement', node, ts.isBlock(node.parent) || ts.isSourceFile(node.parent) ? ';' : '{}')]
}

const isSuper = (node: ts.Expression): boolean =>
  ts.isCallExpression(node) && node.expression.kind === Kind.SuperKeyword
