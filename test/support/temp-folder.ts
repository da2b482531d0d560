/** The one place where tests make temporary folders. Their names have a common prefix. */
import { afterAll } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Creates an empty temporary folder and returns its path. The caller removes it by `removeFolder`. */
export const createFolder = (): string => mkdtempSync(join(tmpdir(), 'simple-one-api-test-'))

export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true })

/**
 * Creates an empty temporary folder and returns its path. It is removed when the tests of the calling file, or of the
 * calling `describe`, are done, whether they pass or fail.
 * @throws in a concurrent test, where Bun takes no hook
 */
export const tempFolder = (): string => {
  const path = createFolder()
  afterAll(() => removeFolder(path))
  return path
}
