/** The deadlines of one attempt: connect, upload, first byte, idle. Watched by the shared ticker, so precise to a beat. */
import { GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking } from '../base/ticker.ts'

export type Phase = 'connect' | 'upload' | 'first byte' | 'answer' | 'idle'

const timeoutMessages: Record<Exclude<Phase, 'upload'>, (seconds: number) => string> = {
  connect: seconds => `the vendor could not be reached within ${seconds} s`,
  'first byte': seconds => `the vendor sent nothing within ${seconds} s`,
  answer: seconds => `the vendor did not answer within ${seconds} s`,
  idle: seconds => `the vendor has been silent for ${seconds} s`,
}

/** What the attempt failed with. Who does not send what it announced is no vendor: a client may try again. */
const timeoutError = (phase: Phase, seconds: number): GatewayError =>
  phase === 'upload'
    ? new GatewayError('invalid_request', `the upload stalled: nothing came for ${seconds} s`, { status: 408 })
    : new GatewayError('upstream_timeout', timeoutMessages[phase](seconds), { unsent: phase === 'connect' })

/** Who is told: that the time is up, half-way that it is time for a look, and that the answer has been read to its end. */
export type DeadlineListener = { onExpired: () => void; onCheck: () => void; onComplete?: () => void }

/** One clock with one due time, set anew as the attempt goes from phase to phase. */
export class Deadline {
  /** Set when it has passed: what the attempt failed with. */
  expired: GatewayError | undefined
  /** Its place among those that tick. */
  listIndex: number | undefined
  #isTicking = false
  /** Something came since the last beat: the idle time runs from the next. */
  #restartsAtNextTick = false
  #dueAt = Number.POSITIVE_INFINITY
  #phase: Phase = 'first byte'
  #seconds = 0
  #checkAt = Number.POSITIVE_INFINITY

  constructor(private readonly listener: DeadlineListener) {}

  /** From now on `seconds` are given for `phase`. */
  arm(phase: Phase, seconds: number): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#restartsAtNextTick = false
    this.#dueAt = performance.now() + seconds * 1000
    this.#start()
  }

  /** As `arm` for every piece of a stream: it does not even look at the clock, so it is precise to two beats. */
  rearm(seconds: number, phase: Phase = 'idle'): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#restartsAtNextTick = true
    this.#start()
  }

  /** Asks for one `look`, `seconds` from now, unless the deadline is cleared or rests before. */
  scheduleCheck(seconds: number): void {
    this.#checkAt = performance.now() + seconds * 1000
    this.#start()
  }

  /** Nothing is waited for. */
  pause(): void {
    this.#restartsAtNextTick = false
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#checkAt = Number.POSITIVE_INFINITY
  }

  clear(): void {
    this.pause()
    if (this.#isTicking) stopTicking(this)
    this.#isTicking = false
  }

  /** All has come that was waited for. */
  complete(): void {
    this.clear()
    this.listener.onComplete?.()
  }

  expire(phase: Phase, seconds: number): void {
    this.clear()
    this.expired ??= timeoutError(phase, seconds)
    this.listener.onExpired()
  }

  /** As `expire`, but only while something is waited for. */
  expireIfWaiting(phase: Phase, seconds: number): void {
    if (this.#isTicking && (this.#restartsAtNextTick || this.#dueAt !== Number.POSITIVE_INFINITY))
      this.expire(phase, seconds)
  }

  tick(now: number): void {
    if (this.#restartsAtNextTick) this.#dueAt = now + this.#seconds * 1000
    this.#restartsAtNextTick = false
    if (now >= this.#dueAt) this.expire(this.#phase, this.#seconds)
    if (now < this.#checkAt) return
    this.#checkAt = Number.POSITIVE_INFINITY
    this.listener.onCheck()
  }

  #start(): void {
    if (this.#isTicking) return
    this.#isTicking = true
    startTicking(this)
  }
}
