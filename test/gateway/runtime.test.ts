/** What a Runtime shares with the one before it, and what it shares with no other. */
import { afterEach, expect, test } from 'bun:test'
import { buildRuntime } from '../../src/cli/serve.ts'
import { loadText } from '../../src/config/load.ts'
import { createLongLivedState, type LongLivedState, type Runtime } from '../../src/gateway/runtime.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createVendorConnections, type VendorConnections } from '../../src/upstream/connection/connections.ts'
import { clearProxyVariables } from '../support/proxy-variables.ts'

const opened: VendorConnections[] = []
clearProxyVariables()
afterEach(async () => {
  for (const { proxies } of opened.splice(0)) await proxies.close()
})

const settingsOf = (strategy: string) => {
  const service = (id: string) => ({
    id,
    enabled: true,
    models: ['m'],
    server_url: 'http://vendor.test/v1',
    credential_list: [{ api_key: id }],
  })
  const config = { load_balancing: strategy, services: { openai: [service('a'), service('b'), service('c')] } }
  return loadText(JSON.stringify(config), {}).compiled!
}

const newState = (): LongLivedState => {
  const output = { write: () => undefined, isTerminal: false }
  const log = createLog(output, { level: 'error', format: 'json', redact: text => text })
  return createLongLivedState(log)
}

const targetsOf = ({ router }: Runtime) => {
  const caller = { id: 'caller', owner: 'caller', canUse: () => true }
  return router.plan({ model: 'm', protocol: 'openai-chat', caller, affinity: () => '' }).targets
}
const firstEntry = (runtime: Runtime): string => targetsOf(runtime)[0]!.entry.id

test('the round robin goes on after a reload', () => {
  const state = newState()
  const before = buildRuntime(settingsOf('round_robin'), state)
  expect([firstEntry(before), firstEntry(before)]).toEqual(['a', 'b'])
  expect(firstEntry(buildRuntime(settingsOf('round_robin'), state))).toBe('c')
})

test('two runtimes with a state of their own do not advance the round robin of each other', () => {
  const [one, other] = [newState(), newState()].map(state => buildRuntime(settingsOf('round_robin'), state))
  expect([one!, one!, other!].map(firstEntry)).toEqual(['a', 'b', 'a'])
})

test('target statistics survive a reload and are not those of another runtime', () => {
  const state = newState()
  const before = buildRuntime(settingsOf('least_busy'), state)
  const [target] = targetsOf(before)
  before.records.stats!.begin(target!)
  expect(firstEntry(buildRuntime(settingsOf('least_busy'), state))).not.toBe(target!.entry.id)
  expect(state.targetStats.load(target!.entry.id)).toBe(1)
  expect(newState().targetStats.load(target!.entry.id)).toBe(0)
})

test('a new configuration asks again for what a vendor refused to count', () => {
  const state = newState()
  const [before, after] = [buildRuntime(settingsOf('first'), state), buildRuntime(settingsOf('first'), state)]
  expect(after.targetsWithoutCount).not.toBe(before.targetsWithoutCount)
})

test('connections are kept across a reload; closing the proxies of one runtime closes no bridge of another', async () => {
  const state = newState()
  const settings = settingsOf('first')
  expect(buildRuntime(settings, state).connections).toBe(buildRuntime(settings, state).connections)
  const [one, other] = [createVendorConnections(), createVendorConnections()]
  opened.push(one, other)
  const bridgeOf = async ({ proxies }: VendorConnections) => {
    const proxy = await proxies.proxyFor('http://vendor.test/', 'socks5://127.0.0.1:9')
    return proxy === false ? undefined : proxy.url
  }
  const kept = await bridgeOf(other)
  expect(await bridgeOf(one)).not.toBe(kept)
  await one.proxies.close()
  expect(await bridgeOf(other)).toBe(kept)
})
