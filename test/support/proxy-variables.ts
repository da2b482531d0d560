/** Environment variables of this process, for tests that set them. */
import { afterAll, beforeEach } from 'bun:test'

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
])

/** Removes all proxy variables before every test of the file, and restores them after the last one. */
export const clearProxyVariables = (): void => {
  const valuesBefore = Object.fromEntries(proxyVariables.map(name => [name, process.env[name]]))
  const deleteAll = () => {
    for (const name of proxyVariables) delete process.env[name]
  }
  beforeEach(deleteAll)
  afterAll(() => {
    deleteAll()
    for (const [name, value] of Object.entries(valuesBefore)) if (value !== undefined) process.env[name] = value
  })
}
