/** The rules of the architecture: layers, sizes, names. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { protocols } from '../src/protocols/registry.ts'
import { providers, unsupported } from '../src/providers/index.ts'

const root = join(import.meta.dir, '..')
const folder = join(root, 'src')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .map(name => normalize(name))
const parse = (name: string, text: string) => ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)

/** Parsed files, by their paths in the source folder. */
type Sources = ReadonlyMap<string, ts.SourceFile>
const ownSources: Sources = new Map(files.map(name => [name, parse(name, readFileSync(join(folder, name), 'utf8'))]))

/** What contradicts a rule in the sources, one text for each place. */
type Rule = (sources: Sources) => string[]
const rules = new Map<string, Rule>()
/** A test that our own sources fulfil a rule. "planted faults" proves that the rule finds a contradiction. */
const testRule = (name: string, rule: Rule): void => {
  rules.set(name, rule)
  test(name, () => expect(rule(ownSources)).toEqual([]))
}

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
const everyImport = (source: ts.SourceFile): Import[] => {
  const file = source.fileName
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
  visit(source)
  return found
}

const isTypes = (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean => {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  const { isTypeOnly, name, namedBindings } = node.importClause ?? {}
  const named = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : undefined
  return isTypeOnly || (name === undefined && named?.every(element => element.isTypeOnly) === true)
}

const importsOf = (sources: Sources, file: string): string[] =>
  everyImport(sources.get(file)!).flatMap(({ from }) => (sources.has(from) ? [from] : []))

describe('layers', () => {
  testRule('every file belongs to one', sources => [...sources.keys()].filter(file => layerOf(file) < 0))

  testRule('imports point down', sources =>
    [...sources.keys()].flatMap(file =>
      importsOf(sources, file)
        .filter(imported => layerOf(imported) > layerOf(file))
        .map(imported => `${file} → ${imported}`),
    ),
  )

  testRule('no file imports itself by a detour', sources => {
    const done = new Set<string>()
    const walk = (file: string, way: string[]): string[] => {
      if (way.includes(file)) return [[...way.slice(way.indexOf(file)), file].join(' → ')]
      if (done.has(file)) return []
      const circles = importsOf(sources, file).flatMap(imported => walk(imported, [...way, file]))
      done.add(file)
      return circles
    }
    return [...sources.keys()].flatMap(file => walk(file, []))
  })
})

describe('a start', () => {
  /** All that is there when `files` are: their own, and packages. */
  const loadedWith = (sources: Sources, files: string[], loaded = new Set<string>()): Set<string> => {
    for (const file of files) {
      if (loaded.has(file)) continue
      loaded.add(file)
      const source = sources.get(file)
      if (!source) continue
      const needed = everyImport(source).filter(({ when }) => when === 'at once')
      loadedWith(
        sources,
        needed.map(({ from }) => from),
        loaded,
      )
    }
    return loaded
  }
  const startOf = (sources: Sources) => [...loadedWith(sources, ['main.ts', 'cli/arguments.ts', 'cli/serve.ts'])]
  const packages = ['@sinclair/typebox', '@sinclair/typebox/compiler', 'elysia', 'jsonc-parser']

  testRule('loads these packages and no other: each is waited for before the first answer', sources =>
    startOf(sources).filter(name => !sources.has(name) && !/^node:|\.json$/.test(name) && !packages.includes(name)),
  )

  test('loads each of these packages', () => expect(startOf(ownSources)).toEqual(expect.arrayContaining(packages)))

  const later = [
    'catalog/load.ts',
    'catalog/schema.ts',
    'config/file/import-database.ts',
    'config/file/yaml.ts',
    'server/openapi.ts',
  ]
  testRule(
    'loads nothing that only a command, a YAML file, an old database or a reader of the documentation needs',
    sources =>
      startOf(sources).filter(
        file => later.includes(file) || file.includes('/probe/') || /^catalog\/.*\.json$/.test(file),
      ),
  )

  test('could load each file of that list', () => {
    expect(later.filter(file => !ownSources.has(file))).toEqual([])
    expect(files.filter(file => file.includes('/probe/')).length).toBeGreaterThan(0)
  })

  testRule('that is about to be replaced by a process with a wider fetch loads only what that takes', sources =>
    [...loadedWith(sources, ['main.ts'])].filter(file => !['main.ts', 'cli/reexec.ts'].includes(file)),
  )

  test('that is about to be replaced loads both of these files', () =>
    expect([...loadedWith(ownSources, ['main.ts'])]).toEqual(['main.ts', 'cli/reexec.ts']))
})

describe('sizes', () => {
  testRule('a source folder has at most 20 siblings, vendors aside', sources => {
    const siblings = new Map<string, Set<string>>()
    for (const file of sources.keys()) {
      const steps = file.split('/')
      for (const [depth, step] of steps.entries()) {
        const parent = steps.slice(0, depth).join('/')
        siblings.set(parent, (siblings.get(parent) ?? new Set()).add(step))
      }
    }
    siblings.delete('providers/vendors')
    return [...siblings].filter(([, names]) => names.size > 20).map(([parent]) => parent)
  })

  testRule('no file above 300 lines', sources => {
    const lines = (file: string) => sources.get(file)!.text.trimEnd().split('\n').length
    return [...sources.keys()].filter(file => lines(file) > 300).map(file => `${file}: ${lines(file)}`)
  })

  testRule('no function has more than 40 lines of its own', sources =>
    [...sources].flatMap(([file, source]) =>
      functionsOf(source)
        .filter(({ own }) => own > 40)
        .map(({ name, own }) => `${file} ${name}: ${own}`),
    ),
  )

  testRule('no function has more than 60 lines with those nested in it', sources =>
    [...sources].flatMap(([file, source]) =>
      functionsOf(source)
        .filter(({ lines }) => lines > 60)
        .map(({ name, lines }) => `${file} ${name}: ${lines}`),
    ),
  )
})

describe('complexity', () => {
  testRule('no conditional expression stands in a branch or the condition of another', sources => {
    const nested = (node: ts.Node): string[] => {
      if (!ts.isConditionalExpression(node)) return []
      let around = node.parent
      while (ts.isParenthesizedExpression(around)) around = around.parent
      return ts.isConditionalExpression(around) ? [node.getText()] : []
    }
    return findings(sources, nested)
  })

  testRule('no function takes more than five parameters', sources => {
    const many = (node: ts.Node): string[] =>
      ts.isFunctionLike(node) && 'body' in node && node.parameters.length > 5 ? [functionNameOf(node)] : []
    return findings(sources, many)
  })

  testRule(
    'no function has more than 15 paths: branches, loops, cases, and operators that skip their right side',
    sources => {
      const complex = (node: ts.Node): string[] => {
        const paths = ts.isFunctionLike(node) ? pathsOf(node) : 0
        return paths > 15 ? [`${functionNameOf(node)}: ${paths}`] : []
      }
      return findings(sources, complex)
    },
  )

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
  testRule('no adapter, manager, helper, util, common in the name of a file or a declaration', sources => {
    const forbidden = /(adapter|manager|helper|utils?|common(?!Divisor))/i
    const declared = [...sources].flatMap(([file, source]) => functionsOf(source).map(({ name }) => ({ file, name })))
    return [
      ...[...sources.keys()].filter(file => forbidden.test(file)),
      ...declared.filter(({ name }) => forbidden.test(name)).map(({ file, name }) => `${file} ${name}`),
    ]
  })

  testRule('no vendor is named outside providers, catalog and config/dialects', sources => {
    const vendors = [...providers.keys(), ...unsupported.keys()].filter(
      id => !protocols.has(id) && !['mock', 'openai', 'github', 'together'].includes(id),
    )
    return [...sources]
      .filter(([file]) => !/^(providers|catalog|config\/dialects)\//.test(file))
      .flatMap(([file, source]) =>
        literalsOf(source)
          .filter(literal => vendors.includes(literal))
          .map(literal => `${file}: '${literal}'`),
      )
  })

  testRule('no identifier and no file name of the private language comes back', sources =>
    [...sources].flatMap(([file, source]) => [
      ...wordsOf(file.split('/').at(-1)!.replace(/\.ts$/, '')).map(word => `${file}: file name ${word}`),
      ...[...identifiersOf(source)].flatMap(name => wordsOf(name).map(word => `${file}: ${name} (${word})`)),
    ]),
  )

  testRule('no two exported types share a name', sources => {
    const places = new Map<string, string[]>()
    for (const [file, source] of sources)
      for (const name of exportedTypesOf(source)) places.set(name, [...(places.get(name) ?? []), file])
    return [...places].filter(([, found]) => found.length > 1).map(([name, found]) => `${name}: ${found.join(', ')}`)
  })

  testRule('every protocol folder with both halves has the same files', sources => {
    const names = ['error', 'index', 'message', 'normalize', 'passthrough', 'request', 'stream', 'wire']
    return [...protocols.keys()]
      .flatMap(id => names.map(name => `protocols/${id}/${name}.ts`))
      .filter(file => !sources.has(file))
  })

  testRule('no any, and no silenced type error', sources =>
    [...sources].flatMap(([file, { text }]) =>
      /\bas any\b|: any\b|<any>|@ts-ignore|@ts-nocheck|@ts-expect-error/.test(text) ? [file] : [],
    ),
  )

  testRule('every file begins with what it is; a vendor says it above its data', sources =>
    [...sources].flatMap(([file, { text }]) =>
      text.startsWith('/**') || /\*\/\nexport default /.test(text) ? [] : [file],
    ),
  )
})

describe('protocols are unions on `kind`', () => {
  testRule('no cast to a half of a protocol', sources => {
    const halves =
      /^(?:Any)?(?:Unary|Chat|Client|Vendor)?(?:Ingress|Egress|Half|Protocol)$|^(?:Passthrough|Count)Protocol$|^TokenCounter$/
    const casts = (node: ts.Node): string[] =>
      ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)
        ? [...namesIn(node.type)].filter(name => halves.test(name)).map(name => `${node.getText()}: ${name}`)
        : []
    return findings(sources, casts)
  })

  testRule('no question whether a protocol has a member', sources => {
    const questions = (node: ts.Node): string[] =>
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind === ts.SyntaxKind.InKeyword &&
      /(?:protocol|ingress|egress|counter)$/i.test(node.right.getText())
        ? [node.getText()]
        : []
    return findings(sources, questions)
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

/** What `find` finds in the nodes of every source. */
function findings(sources: Sources, find: (node: ts.Node) => string[]): string[] {
  return [...sources].flatMap(([file, source]) => {
    const found: string[] = []
    const visit = (node: ts.Node) => {
      found.push(...find(node).map(text => `${file} ${text}`))
      ts.forEachChild(node, visit)
    }
    visit(source)
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

  const stateIn = (sources: Sources) =>
    [...sources].flatMap(([file, source]) => moduleStateOf(source).map(name => `${file} ${name}`))

  testRule('no module keeps any beside the Runtime, but for these', sources =>
    stateIn(sources).filter(name => allowed[name] === undefined),
  )

  test('each of these is kept', () => expect(stateIn(ownSources).sort()).toEqual(Object.keys(allowed).sort()))

  test('the rule sees what can change, and nothing else', () => {
    const stateOf = (text: string) => moduleStateOf(parse('a.ts', text))
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

testRule('no synchronous input or output where requests pass', sources => {
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
  const synchronous = /\b(readFileSync|writeFileSync|execSync|spawnSync|appendFileSync)\b/
  return [...sources].flatMap(([file, { text }]) =>
    rooms.includes(roomOf(file)) && synchronous.test(text) ? [file] : [],
  )
})

describe('planted faults', () => {
  /** For each rule: files that contradict it, by their paths, and what the rule reports. */
  const planted: Record<string, [texts: Record<string, string>, found: string[]]> = {
    'every file belongs to one': [{ 'elsewhere/a.ts': '', 'base/a.ts': '', 'main.ts': '' }, ['elsewhere/a.ts']],
    'imports point down': [
      {
        'base/a.ts': "import type { B } from '../ir/b.ts'",
        'ir/b.ts': "export { c } from '../server/c.ts'",
        'server/c.ts': "import { a } from '../base/a.ts'; const main = () => import('../main.ts')",
        'main.ts': '',
      },
      ['base/a.ts → ir/b.ts', 'ir/b.ts → server/c.ts', 'server/c.ts → main.ts'],
    ],
    'no file imports itself by a detour': [
      {
        'base/a.ts': "import { b } from './b.ts'",
        'base/b.ts': "export * from './c.ts'",
        'base/c.ts': "import { a } from './a.ts'",
        'base/d.ts': "import { a } from './a.ts'",
      },
      ['base/a.ts → base/b.ts → base/c.ts → base/a.ts'],
    ],
    'loads these packages and no other: each is waited for before the first answer': [
      {
        'main.ts': '',
        'cli/arguments.ts': '',
        'cli/serve.ts': "import './a.ts'; import 'elysia'",
        'cli/a.ts': "import 'left-pad'; import type { B } from 'b'",
      },
      ['left-pad'],
    ],
    'loads nothing that only a command, a YAML file, an old database or a reader of the documentation needs': [
      {
        'cli/serve.ts': "import '../config/file/yaml.ts'; import '../cli/probe/a.ts'; import '../catalog/models.json'",
        'config/file/yaml.ts': '',
        'cli/probe/a.ts': "const later = import('../../server/openapi.ts')",
        'server/openapi.ts': '',
      },
      ['config/file/yaml.ts', 'cli/probe/a.ts', 'catalog/models.json'],
    ],
    'that is about to be replaced by a process with a wider fetch loads only what that takes': [
      { 'main.ts': "import './cli/reexec.ts'; import './cli/serve.ts'" },
      ['cli/serve.ts'],
    ],
    'a source folder has at most 20 siblings, vendors aside': [
      Object.fromEntries(
        ['base', 'providers/vendors', 'ir'].flatMap(parent =>
          Array.from({ length: parent === 'ir' ? 20 : 21 }, (_, index) => [`${parent}/a${index}.ts`, '']),
        ),
      ),
      ['base'],
    ],
    'no file above 300 lines': [
      { 'base/a.ts': 'a()\n'.repeat(301), 'base/b.ts': 'a()\n'.repeat(300) },
      ['base/a.ts: 301'],
    ],
    'no function has more than 40 lines of its own': [
      {
        'base/a.ts': `const long = () => {\n${'a()\n'.repeat(39)}}`,
        'base/b.ts': `const short = () => {\n${'a()\n'.repeat(38)}}`,
        'base/c.ts': `const outer = () => {\nconst inner = () => {\n${'a()\n'.repeat(38)}}\n}`,
      },
      ['base/a.ts long: 41'],
    ],
    'no function has more than 60 lines with those nested in it': [
      { 'base/a.ts': `class A {\nouter() {\nconst inner = () => {\n${'a()\n'.repeat(37)}}\n${'a()\n'.repeat(20)}}\n}` },
      ['base/a.ts outer: 61'],
    ],
    'no conditional expression stands in a branch or the condition of another': [
      { 'base/a.ts': 'const a = b ? (c ? 1 : 2) : 3; const d = b ? [c ? 1 : 2] : 3' },
      ['base/a.ts c ? 1 : 2'],
    ],
    'no function takes more than five parameters': [
      { 'base/a.ts': 'const many = (a, b, c, d, e, f) => {}; const few = (a, b, c, d, e) => {}' },
      ['base/a.ts many'],
    ],
    'no function has more than 15 paths: branches, loops, cases, and operators that skip their right side': [
      {
        'base/a.ts': `const complex = () => { ${'if (a) b();'.repeat(15)} }; const simple = () => { ${'if (a) b();'.repeat(14)} }`,
      },
      ['base/a.ts complex: 16'],
    ],
    'no adapter, manager, helper, util, common in the name of a file or a declaration': [
      { 'base/utils.ts': '', 'base/a.ts': 'const createManager = () => {}' },
      ['base/utils.ts', 'base/a.ts createManager'],
    ],
    'no vendor is named outside providers, catalog and config/dialects': [
      { 'gateway/a.ts': "const a = entry === 'groq'", 'providers/a.ts': "const a = 'groq'" },
      ["gateway/a.ts: 'groq'"],
    ],
    'no identifier and no file name of the private language comes back': [
      { 'base/spare-roster.ts': 'const toldBy = 1', 'base/a.ts': "const a = { told: 1 }; const b = 'told'" },
      [
        'base/spare-roster.ts: file name spare',
        'base/spare-roster.ts: file name roster',
        'base/spare-roster.ts: toldBy (told)',
      ],
    ],
    'no two exported types share a name': [
      {
        'base/a.ts': 'export type A = 1; export class B {}; type C = 1',
        'ir/a.ts': 'export interface A {}; export type C = 1',
        'ir/b.ts': 'export interface B {}',
      },
      ['A: base/a.ts, ir/a.ts', 'B: base/a.ts, ir/b.ts'],
    ],
    'every protocol folder with both halves has the same files': [
      Object.fromEntries(files.filter(file => file !== 'protocols/gemini/wire.ts').map(file => [file, ''])),
      ['protocols/gemini/wire.ts'],
    ],
    'no any, and no silenced type error': [
      {
        'base/a.ts': 'const a = b as any',
        'base/b.ts': 'const a: any = 1',
        'base/c.ts': 'new Map<any>()',
        ...Object.fromEntries(
          ['ignore', 'nocheck', 'expect-error'].map(name => [`base/${name}.ts`, `// @ts-${name}\nconst a = 1`]),
        ),
        'base/d.ts': 'const many = 1',
      },
      ['base/a.ts', 'base/b.ts', 'base/c.ts', 'base/ignore.ts', 'base/nocheck.ts', 'base/expect-error.ts'],
    ],
    'every file begins with what it is; a vendor says it above its data': [
      {
        'base/a.ts': "import 'b'",
        'base/b.ts': '/** B. */\nconst b = 1',
        'providers/vendors/c.ts': "import 'b'\n/** C. */\nexport default {}",
      },
      ['base/a.ts'],
    ],
    'no cast to a half of a protocol': [
      { 'gateway/a.ts': 'const a = b as ChatIngress; const c = <Pick<VendorHalf, "id">>d; const e = f as Text' },
      ['gateway/a.ts b as ChatIngress: ChatIngress', 'gateway/a.ts <Pick<VendorHalf, "id">>d: VendorHalf'],
    ],
    'no question whether a protocol has a member': [
      { 'gateway/a.ts': "const a = 'count' in protocol; const b = 'count' in usage" },
      ["gateway/a.ts 'count' in protocol"],
    ],
    'no module keeps any beside the Runtime, but for these': [
      { 'base/a.ts': 'const cache = new Map()', 'base/ticker.ts': 'let timer = 1' },
      ['base/a.ts cache'],
    ],
    'no synchronous input or output where requests pass': [
      { 'gateway/a.ts': "readFileSync('b')", 'cli/a.ts': "readFileSync('b')" },
      ['gateway/a.ts'],
    ],
  }

  test('every rule has one', () => expect(Object.keys(planted).sort()).toEqual([...rules.keys()].sort()))

  test.each(Object.entries(planted))('the rule "%s" finds its planted fault', (name, [texts, found]) => {
    const sources: Sources = new Map(Object.entries(texts).map(([file, text]) => [file, parse(file, text)]))
    expect(rules.get(name)!(sources)).toEqual(found)
  })
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
