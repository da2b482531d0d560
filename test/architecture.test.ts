/** The rules of the architecture: layers, sizes, names. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import ts from 'typescript'
import { protocols } from '../src/protocols/registry.ts'
import { providers, unsupported } from '../src/providers/index.ts'

const root = join(import.meta.dir, '..')
const folder = join(root, 'src')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .map(name => normalize(name))
const sources = new Map(
  files.map(name => [
    name,
    ts.createSourceFile(name, readFileSync(join(folder, name), 'utf8'), ts.ScriptTarget.Latest, true),
  ]),
)

/** Lowest first; an import points down or stays in its layer. */
const layers = [
  ['base'],
  ['ir', 'catalog'],
  ['protocols'],
  ['providers'],
  ['config'],
  ['routing', 'limits', 'upstream', 'media', 'store', 'auth', 'telemetry'],
  ['downstream'],
  ['gateway'],
  ['server'],
  ['cli', 'main'],
]
/** Words with a sense of their own here once; the field has others for them. Identifiers and file names only, not data or prose. */
const privateWords = new Set(
  'told hear hears heard ear mouth voice tell tells said says kin goon wayfor seat seated taking handing spare roster likeness alike blot localise journey'.split(
    ' ',
  ),
)

const roomOf = (file: string) => file.split('/')[0]!.replace(/\.ts$/, '')
const layerOf = (file: string) => layers.findIndex(rooms => rooms.includes(roomOf(file)))

/** What a file imports, in files of ours and by the names of packages: `at once`, with itself; `types` are gone when it runs; `later`, when it asks. */
type Import = { from: string; when: 'at once' | 'types' | 'later' }
const everyImport = (file: string): Import[] => {
  const found: Import[] = []
  const note = (from: ts.Node | undefined, when: Import['when']) => {
    if (!from || !ts.isStringLiteral(from)) return
    found.push({ from: from.text.startsWith('.') ? normalize(join(dirname(file), from.text)) : from.text, when })
  }
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node))
      note(node.moduleSpecifier, isTypes(node) ? 'types' : 'at once')
    const isCall = ts.isCallExpression(node) && /^(?:import|require)$/.test(node.expression.getText())
    if (isCall) note(node.arguments[0], 'later')
    ts.forEachChild(node, visit)
  }
  visit(sources.get(file)!)
  return found
}

const isTypes = (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean => {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  const { isTypeOnly, name, namedBindings } = node.importClause ?? {}
  const named = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : undefined
  return isTypeOnly || (name === undefined && named?.every(element => element.isTypeOnly) === true)
}

const importsOf = (file: string): string[] => everyImport(file).flatMap(({ from }) => (sources.has(from) ? [from] : []))

describe('layers', () => {
  test('every file belongs to one', () => expect(files.filter(file => layerOf(file) < 0)).toEqual([]))

  test('imports point down', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(imported => layerOf(imported) > layerOf(file))
        .map(imported => `${file} → ${imported}`),
    )
    expect(wrong).toEqual([])
  })

  test('no file imports itself by a detour', () => {
    const done = new Set<string>()
    const walk = (file: string, way: string[]): string[] => {
      if (way.includes(file)) return [[...way.slice(way.indexOf(file)), file].join(' → ')]
      if (done.has(file)) return []
      const circles = importsOf(file).flatMap(imported => walk(imported, [...way, file]))
      done.add(file)
      return circles
    }
    expect(files.flatMap(file => walk(file, []))).toEqual([])
  })
})

describe('a start', () => {
  /** All that is there when `files` are: their own, and packages. */
  const loadedWith = (files: string[], loaded = new Set<string>()): Set<string> => {
    for (const file of files) {
      if (loaded.has(file)) continue
      loaded.add(file)
      if (!sources.has(file)) continue
      const needed = everyImport(file).filter(({ when }) => when === 'at once')
      loadedWith(
        needed.map(({ from }) => from),
        loaded,
      )
    }
    return loaded
  }
  const start = loadedWith(['main.ts', 'cli/arguments.ts', 'cli/serve.ts'])

  test('loads these packages and no other: each is waited for before the first answer', () => {
    const packages = [...start].filter(name => !sources.has(name) && !/^node:|\.json$/.test(name))
    expect(packages.sort()).toEqual(['@sinclair/typebox', '@sinclair/typebox/compiler', 'elysia', 'jsonc-parser'])
  })

  test('loads nothing that only a command, a YAML file, an old database or a reader of the documentation needs', () => {
    const later = [
      'catalog/load.ts',
      'catalog/schema.ts',
      'config/file/import-database.ts',
      'config/file/yaml.ts',
      'server/openapi.ts',
      ...files.filter(file => file.includes('/probe/')),
    ]
    expect(later.filter(file => !sources.has(file) || start.has(file))).toEqual([])
    expect([...start].filter(file => /^catalog\/.*\.json$/.test(file))).toEqual([])
  })

  test('that is about to be replaced by a process with a wider fetch loads only what that takes', () => {
    expect([...loadedWith(['main.ts'])]).toEqual(['main.ts', 'cli/reexec.ts'])
  })
})

describe('sizes', () => {
  test('a source folder has at most 20 siblings, vendors aside', () => {
    const siblings = new Map<string, Set<string>>()
    for (const file of files) {
      const steps = file.split('/')
      for (const [depth, step] of steps.entries()) {
        const parent = steps.slice(0, depth).join('/')
        siblings.set(parent, (siblings.get(parent) ?? new Set()).add(step))
      }
    }
    siblings.delete('providers/vendors')
    expect([...siblings].filter(([, names]) => names.size > 20).map(([parent]) => parent)).toEqual([])
  })

  test('no file above 300 lines', () => {
    const lines = (file: string) => sources.get(file)!.text.trimEnd().split('\n').length
    expect(files.filter(file => lines(file) > 300).map(file => `${file}: ${lines(file)}`)).toEqual([])
  })

  test('no function has more than 40 lines of its own', () => {
    const long = files.flatMap(file =>
      functionsOf(sources.get(file)!)
        .filter(({ own }) => own > 40)
        .map(({ name, own }) => `${file} ${name}: ${own}`),
    )
    expect(long).toEqual([])
  })

  test('no function has more than 60 lines with those nested in it', () => {
    const long = files.flatMap(file =>
      functionsOf(sources.get(file)!)
        .filter(({ lines }) => lines > 60)
        .map(({ name, lines }) => `${file} ${name}: ${lines}`),
    )
    expect(long).toEqual([])
  })
})

describe('complexity', () => {
  test('no conditional expression stands in a branch or the condition of another', () => {
    const nested = (node: ts.Node): string[] => {
      if (!ts.isConditionalExpression(node)) return []
      let around = node.parent
      while (ts.isParenthesizedExpression(around)) around = around.parent
      return ts.isConditionalExpression(around) ? [node.getText()] : []
    }
    expect(findings(nested)).toEqual([])
  })

  test('no function takes more than five parameters', () => {
    const many = (node: ts.Node): string[] =>
      ts.isFunctionLike(node) && 'body' in node && node.parameters.length > 5 ? [functionNameOf(node)] : []
    expect(findings(many)).toEqual([])
  })

  test('no function has more than 15 paths: branches, loops, cases, and operators that skip their right side', () => {
    const complex = (node: ts.Node): string[] => {
      const paths = ts.isFunctionLike(node) ? pathsOf(node) : 0
      return paths > 15 ? [`${functionNameOf(node)}: ${paths}`] : []
    }
    expect(findings(complex)).toEqual([])
  })

  test('the count of paths sees every kind of branch, and leaves nested functions to themselves', () => {
    const source = ts.createSourceFile(
      'a.ts',
      `const a = (b: number) => {
        if (b && b || (b ?? 1)) for (const c of []) while (c) do {} while (c)
        for (;;) { for (const d in {}) b ||= d ? 1 : 2 }
        switch (b) { case 1: case 2: default: }
        try {} catch {}
        return () => (b ? 1 : 2)
      }`,
      ts.ScriptTarget.Latest,
      true,
    )
    const counted: number[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) counted.push(pathsOf(node))
      ts.forEachChild(node, visit)
    }
    visit(source)
    expect(counted).toEqual([15, 2])
  })
})

describe('names', () => {
  const text = (file: string) => sources.get(file)!.text

  test('no adapter, manager, helper, util, common in the name of a file or a declaration', () => {
    const forbidden = /(adapter|manager|helper|utils?|common(?!Divisor))/i
    const declared = files.flatMap(file => functionsOf(sources.get(file)!).map(({ name }) => ({ file, name })))
    const wrong = [
      ...files.filter(file => forbidden.test(file)),
      ...declared.filter(({ name }) => forbidden.test(name)).map(({ file, name }) => `${file} ${name}`),
    ]
    expect(wrong).toEqual([])
  })

  test('no vendor is named outside providers, catalog and config/dialects', () => {
    const vendors = [...providers.keys(), ...unsupported.keys()].filter(
      id => !protocols.has(id) && !['mock', 'openai', 'github', 'together'].includes(id),
    )
    const wrong = files
      .filter(file => !/^(providers|catalog|config\/dialects)\//.test(file))
      .flatMap(file =>
        literalsOf(sources.get(file)!)
          .filter(literal => vendors.includes(literal))
          .map(literal => `${file}: '${literal}'`),
      )
    expect(wrong).toEqual([])
  })

  test('no identifier and no file name of the private language comes back', () => {
    const wrong = files.flatMap(file => [
      ...wordsOf(file.split('/').at(-1)!.replace(/\.ts$/, '')).map(word => `${file}: file name ${word}`),
      ...[...identifiersOf(sources.get(file)!)].flatMap(name =>
        wordsOf(name).map(word => `${file}: ${name} (${word})`),
      ),
    ])
    expect(wrong).toEqual([])
  })

  test('no two exported types share a name', () => {
    const places = new Map<string, string[]>()
    for (const file of files)
      for (const name of exportedTypesOf(sources.get(file)!)) places.set(name, [...(places.get(name) ?? []), file])
    expect([...places].filter(([, found]) => found.length > 1)).toEqual([])
  })

  test('every protocol folder with both halves has the same files', () => {
    const names = ['error', 'index', 'message', 'normalize', 'passthrough', 'request', 'stream', 'wire'].map(
      name => `${name}.ts`,
    )
    for (const id of protocols.keys()) {
      const present = files.filter(file => file.startsWith(`protocols/${id}/`)).map(file => file.split('/')[2]!)
      expect({ id, missing: names.filter(name => !present.includes(name)) }).toEqual({ id, missing: [] })
    }
  })

  test('no any, and no silenced type error', () => {
    const wrong = files.filter(file =>
      /\bas any\b|: any\b|<any>|@ts-ignore|@ts-nocheck|@ts-expect-error/.test(text(file)),
    )
    expect(wrong).toEqual([])
  })

  test('every file begins with what it is; a vendor says it above its data', () => {
    const says = (file: string) => text(file).startsWith('/**') || /\*\/\nexport default /.test(text(file))
    expect(files.filter(file => !says(file))).toEqual([])
  })
})

describe('protocols are unions on `kind`', () => {
  test('no cast to a half of a protocol', () => {
    const halves =
      /^(?:Any)?(?:Unary|Chat|Client|Vendor)?(?:Ingress|Egress|Half|Protocol)$|^(?:Passthrough|Count)Protocol$|^TokenCounter$/
    const casts = (node: ts.Node): string[] =>
      ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)
        ? [...namesIn(node.type)].filter(name => halves.test(name)).map(name => `${node.getText()}: ${name}`)
        : []
    expect(findings(casts)).toEqual([])
  })

  test('no question whether a protocol has a member', () => {
    const questions = (node: ts.Node): string[] =>
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind === ts.SyntaxKind.InKeyword &&
      /(?:protocol|ingress|egress|counter)$/i.test(node.right.getText())
        ? [node.getText()]
        : []
    expect(findings(questions)).toEqual([])
  })
})

const branches: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.IfStatement,
  ts.SyntaxKind.ConditionalExpression,
  ts.SyntaxKind.ForStatement,
  ts.SyntaxKind.ForInStatement,
  ts.SyntaxKind.ForOfStatement,
  ts.SyntaxKind.WhileStatement,
  ts.SyntaxKind.DoStatement,
  ts.SyntaxKind.CaseClause,
  ts.SyntaxKind.CatchClause,
])
const skippingOperators: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.AmpersandAmpersandEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
])

/** The cyclomatic complexity of a function, without the functions nested in it. */
function pathsOf(root: ts.Node): number {
  let paths = 1
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return
    const isSkipping = ts.isBinaryExpression(node) && skippingOperators.has(node.operatorToken.kind)
    if (branches.has(node.kind) || isSkipping) paths++
    ts.forEachChild(node, visit)
  }
  ts.forEachChild(root, visit)
  return paths
}

function functionNameOf(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  return nameOf(node) ?? nameOf(node.parent) ?? 'a function without a name'
}

/** What `find` finds in the nodes of every file. */
function findings(find: (node: ts.Node) => string[]): string[] {
  return files.flatMap(file => {
    const found: string[] = []
    const visit = (node: ts.Node) => {
      found.push(...find(node).map(text => `${file} ${text}`))
      ts.forEachChild(node, visit)
    }
    visit(sources.get(file)!)
    return found
  })
}

/** Every name in a type: `Pick<Ingress, 'id'>` holds `Pick` and `Ingress`. */
function namesIn(type: ts.Node): Set<string> {
  const names = new Set<string>()
  const visit = (node: ts.Node) => {
    if (ts.isIdentifier(node)) names.add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(type)
  return names
}

describe('state', () => {
  /**
   * What a module may keep, and why. All else belongs to a Runtime, or to the long-lived state that survives a reload
   * (`src/gateway/runtime.ts`).
   */
  const allowed: Readonly<Record<string, string>> = {
    'base/ticker.ts tickables': 'one timer for a process is the point',
    'base/ticker.ts timer': 'one timer for a process is the point',
    'media/inline-urls.ts safeFetches': 'computed from settings, and gone with them',
    'protocols/anthropic/model-traits.ts traitsCache': 'computed from a name alone; bounded',
    'protocols/deepl/index.ts cached': 'computed from options, and gone with them',
    'protocols/registry.ts customProtocols': 'computed from a path; as many as configurations name',
    'providers/resolve-url.ts resolvedEntries': 'computed from an entry, and gone with it',
    'providers/resolve-url.ts sealOrigins': 'computed from a target, and gone with it',
    'providers/sign/sigv4.ts signingKeys': 'computed from a credential, and gone with it',
    'providers/vendors/azure.ts forms': 'computed from an entry, and gone with it',
    'server/routes.ts customPaths': 'computed from entries, and gone with them',
    'upstream/connection/proxy.ts loopback': 'filled when the module is loaded, then only asked',
  }

  test('no module keeps any beside the Runtime, but for these', () => {
    const found = files.flatMap(file => moduleStateOf(sources.get(file)!).map(name => `${file} ${name}`))
    expect(found.sort()).toEqual(Object.keys(allowed).sort())
  })

  test('the rule sees what can change, and nothing else', () => {
    const stateOf = (text: string) => moduleStateOf(ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true))
    const changing = [
      'let a = 1',
      'export let a: string | undefined',
      'const a = new Map()',
      'export const a: Set<string> = new Set()',
      'const a = { b: new WeakMap<object, number>() }',
      'const a = createConnectProbe()',
      'const a = memoryLimits()',
      'const a: string[] = []; export const add = () => a.push("b")',
      'const a: Record<string, number> = {}; const set = () => { a["b"] = 1 }',
      'const a = { b: 0 }; const count = () => a.b++',
      'const a = { b: { c: 0 } }; const drop = () => delete a.b.c',
      'class A { static b = 0 }',
      'export default { a: new Map() }',
    ]
    expect(changing.filter(text => stateOf(text).length !== 1)).toEqual([])
    const fixed = [
      'const a: ReadonlySet<string> = new Set(["b"])',
      'const a = () => new Map()',
      'class A { static readonly b = 0; c = new Map() }',
      'const a = new TextEncoder()',
      'const a = { b: 1 }; const c = () => { const a = { b: 1 }; a.b = 2 }',
      'const a = { b: 1 }; const c = (a: { b: number }) => { a.b = 2 }',
      'export default { a: () => new Map() }',
      'const a = [1]; const b = a.map(String)',
    ]
    expect(fixed.filter(text => stateOf(text).length !== 0)).toEqual([])
  })
})

test('no synchronous input or output where requests pass', () => {
  const rooms = [
    'base',
    'ir',
    'protocols',
    'providers',
    'routing',
    'limits',
    'upstream',
    'media',
    'store',
    'auth',
    'telemetry',
    'downstream',
    'gateway',
    'server',
  ]
  const wrong = files
    .filter(file => rooms.includes(roomOf(file)))
    .filter(file => /\b(readFileSync|writeFileSync|execSync|spawnSync|appendFileSync)\b/.test(sources.get(file)!.text))
  expect(wrong.map(file => relative(root, file))).toEqual([])
})

/** Classes and factories whose instances remember nothing that a request could see. */
const stateless = new Set([
  'Date',
  'TextDecoder',
  'TextEncoder',
  'createChecker',
  'createPassthrough',
  'createTokenCounter',
])
const factories = /^(?:create[A-Z]|memoryLimits$)/
const changes = new Set('add clear delete fill pop push reverse set shift sort splice unshift'.split(' '))

/** The names of what a module declares and can change later: variables, instances, objects that a function changes. */
function moduleStateOf(source: ts.SourceFile): string[] {
  const changed = changedNamesOf(source)
  return source.statements.flatMap(statement => {
    if (ts.isClassDeclaration(statement)) return statement.members.filter(isChangingStatic).map(one => one.getText())
    if (ts.isExportAssignment(statement)) return holdsInstance(statement.expression) ? ['default'] : []
    if (!ts.isVariableStatement(statement)) return []
    const { flags, declarations } = statement.declarationList
    return declarations
      .filter(({ name, type, initializer }) => {
        if (!(flags & ts.NodeFlags.Const) || changed.has(name.getText())) return true
        return !type?.getText().startsWith('Readonly') && initializer !== undefined && holdsInstance(initializer)
      })
      .map(({ name }) => name.getText())
  })
}

const isChangingStatic = (member: ts.ClassElement): boolean => {
  const kinds = (ts.isPropertyDeclaration(member) ? member.modifiers : undefined)?.map(({ kind }) => kind) ?? []
  return kinds.includes(ts.SyntaxKind.StaticKeyword) && !kinds.includes(ts.SyntaxKind.ReadonlyKeyword)
}

/** True if evaluating the value creates an instance that it may keep. */
const holdsInstance = (node: ts.Node): boolean => {
  if (ts.isFunctionLike(node) || ts.isClassLike(node)) return false
  const isNew = ts.isNewExpression(node)
  const name = isNew || ts.isCallExpression(node) ? node.expression.getText() : ''
  if ((isNew || factories.test(name)) && !stateless.has(name)) return true
  return ts.forEachChild(node, child => holdsInstance(child) || undefined) ?? false
}

/** The module-level names whose members a function changes, as far as no parameter or variable has the same name. */
function changedNamesOf(source: ts.SourceFile): Set<string> {
  const found = new Set<string>()
  const note = (target: ts.Node, isMember: boolean): void => {
    const isAccess = ts.isPropertyAccessExpression(target) || ts.isElementAccessExpression(target)
    if (isAccess || ts.isNonNullExpression(target)) note(target.expression, isMember || isAccess)
    else if (isMember && ts.isIdentifier(target) && !isLocal(target)) found.add(target.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken)) note(node.left, false)
    if (ts.isDeleteExpression(node)) note(node.expression, false)
    if (ts.isPostfixUnaryExpression(node) || isCountingPrefix(node)) note(node.operand, false)
    const isMethod = ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)
    if (isMethod && changes.has(node.expression.name.text)) note(node.expression, false)
    ts.forEachChild(node, visit)
  }
  // What a module does while it is loaded is done before the first request.
  for (const statement of source.statements) if (!ts.isExpressionStatement(statement)) visit(statement)
  return found
}

const isAssignment = ({ kind }: ts.Node): boolean =>
  kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment

const isCountingPrefix = (node: ts.Node): node is ts.PrefixUnaryExpression =>
  ts.isPrefixUnaryExpression(node) &&
  [ts.SyntaxKind.PlusPlusToken, ts.SyntaxKind.MinusMinusToken].includes(node.operator)

/** True if a function or block around the identifier declares the name. */
const isLocal = (identifier: ts.Identifier): boolean => {
  const declares = (scope: ts.Node): boolean => {
    if (ts.isFunctionLike(scope) || ts.isSourceFile(scope)) return false
    return (
      (ts.isVariableDeclaration(scope) && identifiersOfName(scope.name).includes(identifier.text)) ||
      (ts.forEachChild(scope, child => declares(child) || undefined) ?? false)
    )
  }
  for (let scope: ts.Node = identifier.parent; !ts.isSourceFile(scope.parent); scope = scope.parent) {
    const parameters = ts.isFunctionLike(scope) ? scope.parameters : []
    if (parameters.some(({ name }) => identifiersOfName(name).includes(identifier.text))) return true
    if ((ts.isBlock(scope) || ts.isForOfStatement(scope) || ts.isForStatement(scope)) && declares(scope)) return true
  }
  return false
}

const identifiersOfName = (name: ts.BindingName): string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap(element => (ts.isBindingElement(element) ? identifiersOfName(element.name) : []))

type Counted = { name: string; lines: number; own: number }

/** Every named function with its lines, and with those of them that no named function inside it takes. */
function functionsOf(source: ts.SourceFile): Counted[] {
  const found: Counted[] = []
  const linesOf = (node: ts.Node) =>
    source.getLineAndCharacterOfPosition(node.end).line - source.getLineAndCharacterOfPosition(node.getStart()).line + 1
  /** Lines taken by named functions inside `node`. */
  const visit = (node: ts.Node): number => {
    const inner = (): number => {
      let lines = 0
      ts.forEachChild(node, child => {
        lines += visit(child)
      })
      return lines
    }
    const name = nameOf(node)
    if (name === undefined) return inner()
    const lines = linesOf(node)
    found.push({ name, lines, own: lines - inner() })
    return lines
  }
  visit(source)
  return found
}

/** Names a file declares. Names it only uses belong to another file or a library; keys of object literals are data. */
function identifiersOf(source: ts.SourceFile): Set<string> {
  const found = new Set<string>()
  const visit = (node: ts.Node) => {
    const name = (node as { name?: ts.Node }).name
    const isDeclared =
      name && !ts.isPropertyAccessExpression(node) && !ts.isImportSpecifier(node) && !ts.isPropertyAssignment(node)
    if (isDeclared && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name))) found.add(name.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The forbidden words in a name: `toldBy` and `#told` hold `told`. */
function wordsOf(name: string): string[] {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
  return words.filter(word => privateWords.has(word))
}

function exportedTypesOf(source: ts.SourceFile): string[] {
  return source.statements.flatMap(statement => {
    const isType =
      ts.isTypeAliasDeclaration(statement) || ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)
    const isExported = isType && statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    return isExported && statement.name ? [statement.name.text] : []
  })
}

function nameOf(node: ts.Node): string | undefined {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.name) return node.name.getText()
  if (!ts.isVariableDeclaration(node) && !ts.isPropertyAssignment(node) && !ts.isPropertyDeclaration(node))
    return undefined
  const value = node.initializer
  return value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) ? node.name.getText() : undefined
}

function literalsOf(source: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) found.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
