/** Variables of the process's environment, for tests that set them. */
import { afterAll, beforeEach } from 'bun:test'

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(name => [name, name.toLowerCase()])

/** Every test of the file begins without a proxy in the environment; afterwards it is as it was. */
export const withoutProxies = (): void => {
  const before = Object.fromEntries(proxies.map(name => [name, process.env[name]]))
  const clear = () => {
    for (const name of proxies) delete process.env[name]
  }
  beforeEach(clear)
  afterAll(() => {
    clear()
    for (const [name, value] of Object.entries(before)) if (value !== undefined) process.env[name] = value
  })
}
