/** Variables of the process's environment, for tests that set them. */
import { afterAll, beforeEach } from 'bun:test'

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
])

/** Every test of the file begins without a proxy in the environment; afterwards it is as it was. */
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
