/** `serve`: loads a configuration, opens the port, and shuts down cleanly. */

import { createClientAddresses } from '../auth/client-address.ts'
import { createAuth } from '../auth/keys.ts'
import { createOpenAccessRule } from '../auth/open-access.ts'
import { GatewayError } from '../base/errors.ts'
import { createRedact } from '../base/redact.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import { createLongLivedState, type LongLivedState, type Runtime } from '../gateway/runtime.ts'
import { StreamUsage } from '../gateway/stream-usage.ts'
import { supportsProtocol } from '../providers/resolve-url.ts'
import { OvertakeBudget } from '../routing/overtake-budget.ts'
import { RetryBudget } from '../routing/retry-budget.ts'
import { createRouter } from '../routing/router.ts'
import { needsTargetStats } from '../routing/target-stats.ts'
import { createServer, type ServerState } from '../server/server.ts'
import { createLog, type Log, standardOutput } from '../telemetry/log.ts'
import { createVendorConnections } from '../upstream/connection/connections.ts'
import { banner, exposureWarning } from './banner.ts'
import { loadForServing, type ServeOptions } from './commands.ts'

/** Seconds that a connection may be idle, or that a request may take to arrive. */
const idleTimeout = 120

/** Opens the port and serves until a signal arrives. Returns an exit code only if serving never started. */
export const start = async (options: ServeOptions): Promise<number | undefined> => {
  const settings = await loadForServing(options)
  if (settings === undefined) return 1
  const connections = createVendorConnections()
  const redact = createRedact(settings.secrets, connections.secrets)
  const log = createLog(standardOutput(), { level: settings.logLevel, format: settings.logFormat, redact })
  const state = {
    runtime: buildRuntime(settings, createLongLivedState(log, { connections })),
    draining: false,
    idleTimeout,
  }
  const app = createServer(state)
  try {
    app.listen({ hostname: settings.host, port: settings.port, idleTimeout, reusePort: false })
  } catch (error) {
    process.stderr.write(
      `simple-one-api: cannot listen on ${settings.host}:${settings.port}: ${listenErrorText(error)}\n`,
    )
    return 1
  }
  // Until here JIT compilation is almost off, because little of the startup code runs twice.
  Bun.unsafe.setJITPolicy(1)
  process.stderr.write(redact(banner(state.runtime, app.server?.port ?? settings.port)))
  if (exposureWarning(settings)) process.stderr.write(exposureWarning(settings))
  logUncaughtErrors(log)
  shutDownOnSignal(state, log, () => app.server?.stop(false))
  return undefined
}

/** Builds everything that a request needs from one configuration. */
export const buildRuntime = (settings: CompiledConfig, longLived: LongLivedState): Runtime => {
  const { records, health, targetStats, roundRobinPositions } = longLived
  health.configure(settings)
  records.stats = needsTargetStats(settings.strategy) ? targetStats : undefined
  return {
    settings,
    auth: createAuth(settings.keys),
    openAccess: createOpenAccessRule(settings),
    clientAddresses: createClientAddresses(settings.access),
    router: createRouter(settings, supportsProtocol, {
      positions: roundRobinPositions,
      stats: targetStats,
      fitness: health.fitness,
    }),
    ...longLived,
    streamUsage: new StreamUsage(),
    retryBudget: new RetryBudget(settings.retry.budget),
    overtakeBudget: new OvertakeBudget(),
    targetsWithoutCount: new WeakSet(),
    redact: createRedact(settings.secrets, longLived.connections.secrets),
  }
}

type MutableServerState = { -readonly [Key in keyof ServerState]: ServerState[Key] }

/**
 * Milliseconds in which a repeated signal counts as the first one. A terminal or a service manager signals both npm and
 * this process, and npm forwards its signal.
 */
const repeatedSignalWindow = 500

/** The first signal stops new connections and lets open requests finish. The second ends the process immediately. */
const shutDownOnSignal = (state: MutableServerState, log: Log, close: () => unknown): void => {
  let startedAt = 0
  const shutDown = async () => {
    if (state.draining && performance.now() - startedAt < repeatedSignalWindow) return
    if (state.draining) process.exit(1)
    state.draining = true
    startedAt = performance.now()
    const { active } = state.runtime.records
    log.write({ level: 'info', message: 'shutting down', open: active.size })
    close()
    await waitForOpenRequests(state.runtime)
    for (const lifetime of active) lifetime.end(new GatewayError('unavailable', 'the gateway is shutting down'))
    await state.runtime.connections.proxies.close()
    log.flush()
    setTimeout(() => process.exit(0), 100)
  }
  process.on('SIGTERM', shutDown)
  process.on('SIGINT', shutDown)
}

/** Resolves when no request is open, or when `shutdown_timeout` has passed. */
const waitForOpenRequests = async ({ records, settings }: Runtime): Promise<void> => {
  const deadline = performance.now() + settings.shutdownTimeout * 1000
  while (records.active.size > 0 && performance.now() < deadline) await Bun.sleep(50)
}

/** Logs errors that nothing handled. They must not end other requests. */
const logUncaughtErrors = (log: Log): void => {
  const logError = (thrown: unknown) => log.write({ level: 'error', message: 'stray fault', cause: errorText(thrown) })
  process.on('uncaughtException', logError)
  process.on('unhandledRejection', logError)
}

/** Bun reports every failure to open a port as a port in use. The error code is more precise. */
const listenErrorText = (thrown: unknown): string => {
  const { code = '', message = '' } = thrown as { code?: string; message?: string }
  return listenErrors[code] ?? (message || code)
}

const listenErrors: Record<string, string> = {
  EADDRINUSE: 'the port is in use by another program',
  EACCES: 'the port may not be opened: permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  EINVAL: 'this machine has no such address',
}

const errorText = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
