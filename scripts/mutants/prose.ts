/** What a reader sees and no program reads: prose in literals, and calls that write to a debug log. */
import ts from 'typescript'

const isWordedIn = /\p{L}[,.;:'"`()]*\s+['"`(]*\p{L}/u
const isSentence = /\p{L}[,.;:'"`()]*\s+['"`(]*\p{L}+[,.;:'"`()]*\s+['"`(]*\p{L}/u
const debugNames = new Set(['debug', 'trace'])

/** The fixed text of a literal, `undefined` for another node. */
const textOf = (node: ts.Node): string | undefined => {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text
  if (!ts.isTemplateExpression(node)) return undefined
  return [node.head.text, ...node.templateSpans.map(span => span.literal.text)].join(' ')
}

/** True for a literal of three words or more, and for one of two in an error's arguments. */
export const isProse = (node: ts.Node): boolean => {
  const text = textOf(node)
  if (text === undefined) return false
  return isSentence.test(text) || (isWordedIn.test(text) && isErrorMessage(node))
}

const isErrorMessage = (node: ts.Node): boolean => {
  const { parent } = node
  return (
    (ts.isNewExpression(parent) && /Error$/.test(parent.expression.getText())) ||
    (ts.isCallExpression(parent) && ts.isThrowStatement(parent.parent))
  )
}

/** True for `console.…()` and for `….debug()` and `….trace()`. */
export const isDebugCall = (node: ts.Node): boolean => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false
  const { expression, name } = node.expression
  return expression.getText() === 'console' || debugNames.has(name.text)
}
