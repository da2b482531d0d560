/**
 * `simple-one-api probe`: sends one request to every target and reports which targets answer, for example to find a
 * wrong key.
 */

import { createRedact } from '../../base/redact.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import { type ProbeContext, type ProbeResult, probeTarget } from '../../gateway/probe/ask.ts'
import { type Probe, probesOf } from '../../gateway/probe/targets.ts'
import { memoryLimits } from '../../limits/memory.ts'
import type { Entry } from '../../providers/entry.ts'
import { createVendorConnections } from '../../upstream/connection/connections.ts'
import { readConfig } from '../commands.ts'
import {
  countResults,
  createProgress,
  type ProbedTarget,
  type ProbeProgress,
  renderJson,
  renderTable,
} from './table.ts'

export type ProbeOptions = { config: string | undefined; model: string | undefined; json: boolean }

/** Maximum number of concurrent requests. One entry never gets two at once, because free tiers allow no more. */
const maxConcurrency = 4
/** Seconds to wait for a response, unless the entry has a timeout of its own. */
const defaultTimeout = 30

/**
 * Runs the command. Exit codes: 0 all targets answered, 1 some failed or the configuration is invalid, 2 no service
 * offers the model, 130 interrupted.
 */
export const probe = async ({ config, model, json }: ProbeOptions): Promise<number> => {
  const configured = await readConfig(config)
  if (configured === undefined) return 1
  const settings = probeSettingsOf(configured)
  const probes = probesOf(settings, model)
  const connections = createVendorConnections()
  const redact = createRedact(settings.secrets, connections.secrets)
  if (probes.length === 0) return reportNothingToProbe(model)
  const screen = {
    write: (text: string) => process.stderr.write(redact(text)),
    isTTY: process.stderr.isTTY,
    columns: process.stderr.columns,
  }
  const progress = createProgress(screen, probes.filter(({ skip }) => skip === undefined).length)
  const context = { settings, limits: memoryLimits(), connections, redact }
  const { results, interrupted } = await runUntilInterrupted(signal => runProbes(probes, context, progress, signal))
  progress.close()
  const all = probes.map(probe => ({ probe, outcome: results.get(probe) ?? skippedResult(probe) }))
  const color = process.stdout.isTTY === true && !process.env['NO_COLOR']
  await print(redact(json ? renderJson(all, interrupted) : renderTable(all, { color })))
  await connections.proxies.close()
  if (interrupted) return 130
  return countResults(all).failed > 0 ? 1 : 0
}

/** The same configuration with short timeouts. A loss in translation does not refuse a probe. */
const probeSettingsOf = (settings: CompiledConfig): CompiledConfig => ({
  ...settings,
  entries: settings.entries.map((entry): Entry => ({ ...entry, timeout: entry.timeout ?? defaultTimeout })),
  timeouts: { ...settings.timeouts, idle: Math.min(settings.timeouts.idle, defaultTimeout) },
  logPrompts: false,
  onLoss: 'note',
})

const skippedResult = ({ skip }: Probe): ProbeResult => ({
  result: 'skipped',
  reason: skip ?? 'interrupted',
  milliseconds: 0,
})

type Results = ReadonlyMap<Probe, ProbeResult>

/**
 * The first Ctrl-C cancels the running requests, and the known results are printed. A second Ctrl-C ends the process.
 */
const runUntilInterrupted = async (
  task: (signal: AbortSignal) => Promise<Results>,
): Promise<{ results: Results; interrupted: boolean }> => {
  const controller = new AbortController()
  const stop = () => {
    for (const signal of signals) process.off(signal, stop)
    controller.abort()
  }
  for (const signal of signals) process.on(signal, stop)
  const results = await task(controller.signal)
  const interrupted = controller.signal.aborted
  for (const signal of signals) process.off(signal, stop)
  return { results, interrupted }
}

const signals = ['SIGINT', 'SIGTERM'] as const

/** Probes the entries in parallel and the targets of one entry in sequence. The longest queues come first. */
const runProbes = async (
  probes: readonly Probe[],
  context: ProbeContext,
  progress: ProbeProgress,
  signal: AbortSignal,
): Promise<Results> => {
  const results = new Map<Probe, ProbeResult>()
  const queues = [...Map.groupBy(probes, ({ target }) => target.entry.id).values()]
    .map(queue => queue.filter(({ skip }) => skip === undefined))
    .sort((first, second) => second.length - first.length)

  const probeQueue = async (queue: readonly Probe[]) => {
    for (const probe of queue) {
      if (signal.aborted || probe.skip !== undefined) return
      progress.begin(probe)
      const outcome = await probeTarget(probe.target, probe.probeProtocol, signal, context)
      const probed: ProbedTarget = { probe, outcome }
      results.set(probe, outcome)
      progress.end(probed)
    }
  }
  const worker = async () => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) await probeQueue(queue)
  }
  await Promise.all(Array.from({ length: maxConcurrency }, worker))
  return results
}

const reportNothingToProbe = (model: string | undefined): number => {
  const text = model === undefined ? 'no service is in use: nothing to probe' : `no service offers the model ${model}`
  process.stderr.write(`simple-one-api: ${text}\n`)
  return model === undefined ? 1 : 2
}

/** Resolves when the text has been written, because the process ends right after. */
const print = (text: string): Promise<void> => new Promise(resolve => void process.stdout.write(text, () => resolve()))
