/**
 * The deadlines of one attempt: connect, upload, first byte, idle. The shared ticker checks them, so they are precise
 * to one tick.
 */
import { GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking } from '../base/ticker.ts'

type Phase = 'connect' | 'upload' | 'first byte' | 'answer' | 'idle' | 'total'

const timeoutMessages: Record<Exclude<Phase, 'upload'>, (seconds: number) => string> = {
  connect: seconds => `the vendor could not be reached within ${seconds} s`,
  'first byte': seconds => `the vendor sent nothing within ${seconds} s`,
  answer: seconds => `the vendor did not answer within ${seconds} s`,
  total: seconds => `the vendor did not finish its answer within ${seconds} s`,
  idle: seconds => `the vendor has been silent for ${seconds} s`,
}

/**
 * The error of an attempt whose deadline passed. A stalled upload is the client's fault, so its status is 408 and the
 * client may retry.
 */
const timeoutError = (phase: Phase, seconds: number): GatewayError =>
  phase === 'upload'
    ? new GatewayError('invalid_request', `the upload stalled: nothing came for ${seconds} s`, { status: 408 })
    : new GatewayError('upstream_timeout', timeoutMessages[phase](seconds), { unsent: phase === 'connect' })

/** Callbacks: the deadline has passed; it is time for the connect check; the response has been read to its end. */
type DeadlineListener = { onExpired: () => void; onCheck: () => void; onComplete?: () => void }

/** One timer with one due time, which is set anew for each phase of the attempt. */
export class Deadline {
  /** The error of the attempt, once a deadline has passed. */
  expired: GatewayError | undefined
  /** The index in the ticker's list. */
  listIndex: number | undefined
  #isTicking = false
  /** Data arrived since the last tick: the idle time starts at the next tick. */
  #restartsAtNextTick = false
  #dueAt = Number.POSITIVE_INFINITY
  #phase: Phase = 'first byte'
  #seconds = 0
  #checkAt = Number.POSITIVE_INFINITY
  /** When data last arrived, or the first phase began; precise to one tick. */
  #lastSignAt = 0
  #silence: { milliseconds: number; onSilent: () => void } | undefined
  #totalSeconds = 0
  #endAt = Number.POSITIVE_INFINITY

  constructor(private readonly listener: DeadlineListener) {}

  /** Starts the deadline of `phase`, `seconds` from now. */
  arm(phase: Phase, seconds: number): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#restartsAtNextTick = false
    this.#lastSignAt = performance.now()
    this.#dueAt = this.#lastSignAt + seconds * 1000
    this.#start()
  }

  /** Like `arm`, for every piece of a stream. It does not read the clock, so it is precise to two ticks. */
  rearm(seconds: number, phase: Phase = 'idle'): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#restartsAtNextTick = true
    this.#start()
  }

  /** Bounds the time of a complete answer, whatever the phase: it must end within `seconds` from now. */
  limitTotal(seconds: number): void {
    this.#totalSeconds = seconds
    this.#endAt = performance.now() + seconds * 1000
    this.#start()
  }

  /** The answer turned out to be a stream, which may last as long as it sends data. */
  unlimitTotal(): void {
    this.#endAt = Number.POSITIVE_INFINITY
  }

  /** Schedules one `onCheck` call, `seconds` from now. Clearing or pausing the deadline cancels it. */
  scheduleCheck(seconds: number): void {
    this.#checkAt = performance.now() + seconds * 1000
    this.#start()
  }

  /** Calls `onSilent` once, when nothing has arrived for this time. It does not end the attempt. */
  watchSilence(milliseconds: number, onSilent: () => void): void {
    this.#silence = { milliseconds, onSilent }
  }

  /** Suspends the deadline while nothing is awaited. */
  pause(): void {
    this.#restartsAtNextTick = false
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#checkAt = Number.POSITIVE_INFINITY
  }

  clear(): void {
    this.pause()
    this.unlimitTotal()
    if (this.#isTicking) stopTicking(this)
    this.#isTicking = false
  }

  /** Ends the deadline: the response is complete. */
  complete(): void {
    this.clear()
    this.listener.onComplete?.()
  }

  expire(phase: Phase, seconds: number): void {
    this.clear()
    this.expired ??= timeoutError(phase, seconds)
    this.listener.onExpired()
  }

  /** Like `expire`, but only while a response is awaited. */
  expireIfWaiting(phase: Phase, seconds: number): void {
    if (this.#isTicking && (this.#restartsAtNextTick || this.#dueAt !== Number.POSITIVE_INFINITY))
      this.expire(phase, seconds)
  }

  tick(now: number): void {
    if (this.#restartsAtNextTick) {
      this.#dueAt = now + this.#seconds * 1000
      this.#lastSignAt = now
    }
    this.#restartsAtNextTick = false
    if (this.#silence) this.#checkSilence(now)
    if (now >= this.#dueAt) this.expire(this.#phase, this.#seconds)
    else if (now >= this.#endAt) this.expire('total', this.#totalSeconds)
    if (now < this.#checkAt) return
    this.#checkAt = Number.POSITIVE_INFINITY
    this.listener.onCheck()
  }

  #checkSilence(now: number): void {
    const { milliseconds, onSilent } = this.#silence!
    if (now - this.#lastSignAt < milliseconds) return
    this.#silence = undefined
    onSilent()
  }

  #start(): void {
    if (this.#isTicking) return
    this.#isTicking = true
    startTicking(this)
  }
}
