/**
 * Overtaking: a second attempt when the first one has been silent for too long. The first content wins; the other
 * attempt is stopped.
 */
import { asGatewayError, type GatewayError } from '../../base/errors.ts'
import type { Target } from '../../providers/entry.ts'
import type { AttemptRecord } from '../../telemetry/attempt-record.ts'
import type { Runtime } from '../runtime.ts'

/** Milliseconds of silence in a stream, and of waiting for a whole answer, while a target has no history. */
const defaultSilence = { stream: 8000, whole: 30_000 }
/** With a history: three times what 95 % of its answers needed, but at least this. Milliseconds. */
const minSilence = 2000
const percentileFactor = 3
/** A target with less than this part of its limits left is not used for overtaking. */
const minShareLeft = 0.2

/** How an attempt ended. */
export type AttemptResult<Answer> =
  | { record: AttemptRecord; answer: Answer }
  | { record: AttemptRecord; error: GatewayError }

type Race<Answer> = {
  runtime: Runtime
  isStream: boolean
  /** Calls the vendor and reads the answer as far as it decides. */
  run: (record: AttemptRecord) => Promise<Answer>
  /** Begins another attempt beside the silent one; undefined if none may, or no target has capacity at once. */
  second: (isFit: (target: Target) => boolean) => AttemptRecord | undefined
  /** Notes the failure of an attempt beside the silent one. Returns whether yet another one may follow. */
  noteFailure: (record: AttemptRecord, error: GatewayError) => boolean
}

/**
 * Runs an attempt, and a second one beside it if it stays silent. Returns the first answer, or the failure of the
 * attempt that ended last.
 */
export const runOvertakable = async <Answer>(
  first: AttemptRecord,
  { runtime, isStream, run, second, noteFailure }: Race<Answer>,
): Promise<AttemptResult<Answer>> => {
  const silence = Promise.withResolvers<undefined>()
  first.onSilent = { milliseconds: silenceFor(first.target, isStream, runtime), run: () => silence.resolve(undefined) }
  const firstRun = resultOf(first, run)
  const early = await Promise.race([firstRun, silence.promise])
  if (early) return early
  let overtaker = beginOvertaking(runtime, second)
  while (overtaker) {
    const secondRun = resultOf(overtaker, run)
    const result = await Promise.race([firstRun, secondRun])
    if ('answer' in result) {
      ;(result.record === first ? overtaker : first).giveUp()
      return result
    }
    const mayContinue = noteFailure(result.record, result.error)
    if (result.record === first) return await secondRun
    overtaker = mayContinue ? second(isFitFor(runtime)) : undefined
  }
  return await firstRun
}

/** Runs an attempt and returns how it ended. Never rejects. */
export const resultOf = async <Answer>(
  record: AttemptRecord,
  run: (record: AttemptRecord) => Promise<Answer>,
): Promise<AttemptResult<Answer>> => {
  try {
    return { record, answer: await run(record) }
  } catch (thrown) {
    return { record, error: asGatewayError(thrown) }
  }
}

const isFitFor =
  ({ health }: Runtime) =>
  (target: Target): boolean =>
    health.gateOf(target).shareLeft(health.now()) >= minShareLeft

const beginOvertaking = (runtime: Runtime, second: Race<unknown>['second']): AttemptRecord | undefined => {
  const { overtakeBudget } = runtime
  const record = overtakeBudget.mayTake() ? second(isFitFor(runtime)) : undefined
  if (record) overtakeBudget.take()
  return record
}

const silenceFor = (target: Target, isStream: boolean, { health }: Runtime): number => {
  const kind = isStream ? 'stream' : 'whole'
  const { latencies } = health.gateOf(target)
  const usual = latencies[kind].percentile95() ?? latencies.any.percentile95()
  return usual === undefined ? defaultSilence[kind] : Math.max(minSilence, percentileFactor * usual)
}
