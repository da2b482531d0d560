/** Variables in a configuration: `${NAME}`, `${NAME:-default}`, and the `.env` file next to it. */
import type { ReportProblem } from '../checks/problems.ts'
import { pathTo, type Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const assignmentLine = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$/
const quotedValue = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?$/

/** Parses `NAME=value` lines with `export`, quotes, blank lines and `#` comments. Other lines are ignored. */
export const parseEnvironmentFile = (text: string): Record<string, string> => {
  const result: Record<string, string> = Object.create(null)
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const match = assignmentLine.exec(line)
    if (match) result[match[1]!] = unquote(match[2]!.trim())
  }
  return result
}

const unquote = (value: string): string => {
  const match = quotedValue.exec(value)
  if (match?.[1] !== undefined)
    return match[1].replace(/\\(.)/g, (_, escaped) => ({ n: '\n', t: '\t' })[escaped as 'n'] ?? escaped)
  if (match?.[2] !== undefined) return match[2]
  return value.startsWith('#') ? '' : value.replace(/\s+#.*$/, '')
}

const variable = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{/g

const strayVariableMessage =
  'holds a `${` that begins no variable (`${NAME}` or `${NAME:-default}`) and stays as it is; write `$${` if that is meant'
const nestedVariableMessage = 'holds a variable inside the default of another, which is taken as text'

/**
 * Replaces every variable in the tree's strings. As in a shell, an empty variable also takes the default. `$${` is a
 * literal `${`. The value of a variable is not expanded again. A string with a variable may stand for a number or a
 * boolean.
 */
export const expandTree = (tree: Tree, environment: Environment, report: ReportProblem, path = ''): Tree => {
  if ('list' in tree)
    return {
      ...tree,
      list: tree.list.map((element, index) => expandTree(element, environment, report, pathTo(path, index))),
    }
  if ('members' in tree) {
    const expandMember = (key: string, value: Tree) => expandTree(value, environment, report, pathTo(path, key))
    return {
      ...tree,
      members: tree.members.map(member => ({ ...member, value: expandMember(member.key, member.value) })),
    }
  }
  if (typeof tree.scalar !== 'string' || !tree.scalar.includes('${')) return tree
  let isCoercible = tree.isCoercible
  const scalar = tree.scalar.replace(variable, (_, escaped, name: string | undefined, hasDefault, fallback = '') => {
    if (escaped) return '${'
    if (name === undefined) report('warning', path, strayVariableMessage)
    if (name === undefined) return '${'
    if (fallback.includes('${')) report('warning', path, nestedVariableMessage)
    isCoercible = true
    const value = environment[name]
    if (hasDefault ? value : value !== undefined) return value!
    if (!hasDefault)
      report('error', path, `the environment variable ${name} is not set, and \${${name}} has no default`)
    return fallback
  })
  return { ...tree, scalar, ...(isCoercible && { isCoercible }) }
}
