/** `simple-one-api probe`: asks every target once and tells which answer; that is how a wrong key is found. */

import { createRedact } from '../../base/redact.ts'
import type { Compiled } from '../../config/compiled.ts'
import { type ProbeResult, probeTarget } from '../../gateway/probe/ask.ts'
import { type Probe, probesOf } from '../../gateway/probe/targets.ts'
import { memoryLimits } from '../../limits/memory.ts'
import type { Entry } from '../../providers/entry.ts'
import { closeBridge } from '../../upstream/connection/proxy.ts'
import { read } from '../commands.ts'
import { countOf, createProgress, jsonOf, type Probed, type Progress, tableOf } from './table.ts'

export type ProbeChoices = { config: string | undefined; model: string | undefined; json: boolean }

/** Requests at once; never two to one entry, for free tiers allow no more. */
const mostAtOnce = 4
/** Seconds an answer is waited for, where the entry says nothing else. */
const patience = 30

/** Exit code: 0 all that were asked answered, 1 some failed or the configuration is broken, 2 nothing offers the model, 130 interrupted. */
export const probe = async ({ config, model, json }: ProbeChoices): Promise<number> => {
  const configured = await read(config)
  if (configured === undefined) return 1
  const settings = forProbing(configured)
  const probes = probesOf(settings, model)
  const redact = createRedact(settings.secrets)
  if (probes.length === 0) return refuse(model)
  const screen = {
    write: (text: string) => process.stderr.write(redact(text)),
    isTTY: process.stderr.isTTY,
    columns: process.stderr.columns,
  }
  const progress = createProgress(screen, probes.filter(({ skip }) => skip === undefined).length)
  const { results, interrupted } = await untilInterrupted(signal => run(probes, settings, progress, signal))
  progress.close()
  const all = probes.map(probe => ({ probe, outcome: results.get(probe) ?? unasked(probe) }))
  const color = process.stdout.isTTY === true && !process.env['NO_COLOR']
  await print(redact(json ? jsonOf(all, interrupted) : tableOf(all, { color })))
  await closeBridge()
  return interrupted ? 130 : countOf(all).failed > 0 ? 1 : 0
}

/** The same configuration, but nobody waits long, and what a vendor makes of the question is no reason to refuse it. */
const forProbing = (settings: Compiled): Compiled => ({
  ...settings,
  entries: settings.entries.map((entry): Entry => ({ ...entry, timeout: entry.timeout ?? patience })),
  timeouts: { ...settings.timeouts, idle: Math.min(settings.timeouts.idle, patience) },
  logPrompts: false,
  onLoss: 'note',
})

const unasked = ({ skip }: Probe): ProbeResult => ({
  result: 'skipped',
  reason: skip ?? 'interrupted',
  milliseconds: 0,
})

type Results = ReadonlyMap<Probe, ProbeResult>

/** The first Ctrl-C ends what is under way, and what is known is told; a second one ends the process. */
const untilInterrupted = async (
  work: (signal: AbortSignal) => Promise<Results>,
): Promise<{ results: Results; interrupted: boolean }> => {
  const controller = new AbortController()
  const stop = () => {
    for (const signal of signals) process.off(signal, stop)
    controller.abort()
  }
  for (const signal of signals) process.on(signal, stop)
  const results = await work(controller.signal)
  const interrupted = controller.signal.aborted
  for (const signal of signals) process.off(signal, stop)
  return { results, interrupted }
}

const signals = ['SIGINT', 'SIGTERM'] as const

/** Entries side by side, the targets of each one after the other; the longest first. */
const run = async (
  probes: readonly Probe[],
  settings: Compiled,
  progress: Progress,
  signal: AbortSignal,
): Promise<Results> => {
  const results = new Map<Probe, ProbeResult>()
  const terms = { settings, limits: memoryLimits(), redact: createRedact(settings.secrets) }
  const queues = [...Map.groupBy(probes, ({ target }) => target.entry.id).values()]
    .map(queue => queue.filter(({ skip }) => skip === undefined))
    .sort((one, other) => other.length - one.length)

  const through = async (queue: readonly Probe[]) => {
    for (const probe of queue) {
      if (signal.aborted || probe.skip !== undefined) return
      progress.begin(probe)
      const outcome = await probeTarget(probe.target, probe.probeProtocol, signal, terms)
      const probed: Probed = { probe, outcome }
      results.set(probe, outcome)
      progress.end(probed)
    }
  }
  const work = async () => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) await through(queue)
  }
  await Promise.all(Array.from({ length: mostAtOnce }, work))
  return results
}

const refuse = (model: string | undefined): number => {
  const text = model === undefined ? 'no service is in use: nothing to probe' : `no service offers the model ${model}`
  process.stderr.write(`simple-one-api: ${text}\n`)
  return model === undefined ? 1 : 2
}

/** Resolves when the text is out: the process ends right after. */
const print = (text: string): Promise<void> => new Promise(resolve => void process.stdout.write(text, () => resolve()))
