/** The deadlines of one attempt: connect, upload, first byte, idle. Watched by the shared ticker, so precise to a beat. */
import { GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking } from '../base/ticker.ts'

export type Phase = 'connect' | 'upload' | 'first byte' | 'answer' | 'idle'

const words: Record<Exclude<Phase, 'upload'>, (seconds: number) => string> = {
  connect: seconds => `the vendor could not be reached within ${seconds} s`,
  'first byte': seconds => `the vendor sent nothing within ${seconds} s`,
  answer: seconds => `the vendor did not answer within ${seconds} s`,
  idle: seconds => `the vendor has been silent for ${seconds} s`,
}

/** What the attempt failed with. Who does not send what it announced is no vendor: a client may try again. */
const lateness = (phase: Phase, seconds: number): GatewayError =>
  phase === 'upload'
    ? new GatewayError('invalid_request', `the upload stalled: nothing came for ${seconds} s`, { status: 408 })
    : new GatewayError('upstream_timeout', words[phase](seconds), { unsent: phase === 'connect' })

/** Who is told: that the time is up, half-way that it is time for a look, and that the answer has been read to its end. */
export type Watched = { expired: () => void; look: () => void; over?: () => void }

/** One clock with one due time, set anew as the attempt goes from phase to phase. */
export class Deadline {
  /** Set when it has passed: what the attempt failed with. */
  expired: GatewayError | undefined
  /** Its place among those that tick. */
  listIndex: number | undefined
  #ticking = false
  /** Something came since the last beat: the idle time runs from the next. */
  #anew = false
  #due = Number.POSITIVE_INFINITY
  #phase: Phase = 'first byte'
  #seconds = 0
  #lookAt = Number.POSITIVE_INFINITY

  constructor(private readonly watched: Watched) {}

  /** From now on `seconds` are given for `phase`. */
  arm(phase: Phase, seconds: number): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#anew = false
    this.#due = performance.now() + seconds * 1000
    this.#start()
  }

  /** As `arm` for every piece of a stream: it does not even look at the clock, so it is precise to two beats. */
  armAgain(seconds: number, phase: Phase = 'idle'): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#anew = true
    this.#start()
  }

  /** Asks for one `look`, `seconds` from now, unless the deadline is cleared or rests before. */
  lookIn(seconds: number): void {
    this.#lookAt = performance.now() + seconds * 1000
    this.#start()
  }

  /** Nothing is waited for. */
  rest(): void {
    this.#anew = false
    this.#due = Number.POSITIVE_INFINITY
    this.#lookAt = Number.POSITIVE_INFINITY
  }

  clear(): void {
    this.rest()
    if (this.#ticking) stopTicking(this)
    this.#ticking = false
  }

  /** All has come that was waited for. */
  done(): void {
    this.clear()
    this.watched.over?.()
  }

  expire(phase: Phase, seconds: number): void {
    this.clear()
    this.expired ??= lateness(phase, seconds)
    this.watched.expired()
  }

  /** As `expire`, but only while something is waited for. */
  expireIfWaiting(phase: Phase, seconds: number): void {
    if (this.#ticking && (this.#anew || this.#due !== Number.POSITIVE_INFINITY)) this.expire(phase, seconds)
  }

  tick(now: number): void {
    if (this.#anew) this.#due = now + this.#seconds * 1000
    this.#anew = false
    if (now >= this.#due) this.expire(this.#phase, this.#seconds)
    if (now < this.#lookAt) return
    this.#lookAt = Number.POSITIVE_INFINITY
    this.watched.look()
  }

  #start(): void {
    if (this.#ticking) return
    this.#ticking = true
    startTicking(this)
  }
}
