/** Type checks mutants: with `--types`, one that does not type-check is no mistake that could be committed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { apply, type Mutant } from './mutant.ts'
import type { SourceFiles } from './project.ts'

/** True if the mutated file has no type errors of its own. Files that import it are not checked again. */
export const createTypeCheck = (root: string, sources: SourceFiles): ((mutant: Mutant) => boolean) => {
  const path = join(root, 'tsconfig.json')
  const config = ts.parseJsonConfigFileContent(ts.readConfigFile(path, ts.sys.readFile).config, ts.sys, root)
  const changed = new Map<string, { version: number; text: string }>()
  const read = (file: string) => changed.get(file)?.text ?? readFileSync(file, 'utf8')
  const service = ts.createLanguageService({
    getCompilationSettings: () => config.options,
    getScriptFileNames: () => config.fileNames.filter(file => file.startsWith(join(root, 'src'))),
    getScriptVersion: file => String(changed.get(file)?.version ?? 0),
    getScriptSnapshot: file => (ts.sys.fileExists(file) ? ts.ScriptSnapshot.fromString(read(file)) : undefined),
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
  const write = (file: string, text: string) =>
    changed.set(file, { version: (changed.get(file)?.version ?? 0) + 1, text })
  return mutant => {
    const file = join(root, mutant.file)
    const text = sources.get(mutant.file)!
    write(file, apply(text, mutant))
    const errors = service.getSemanticDiagnostics(file).length
    write(file, text)
    return errors === 0
  }
}
