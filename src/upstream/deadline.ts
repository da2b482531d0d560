/** The deadlines of one attempt: connect, first byte, idle. Watched by the shared ticker, so precise to a beat. */
import { GatewayError } from '../errors.ts'
import { startTicking, stopTicking } from './ticker.ts'

export type Phase = 'connect' | 'first byte' | 'answer' | 'idle'

const words: Record<Phase, (seconds: number) => string> = {
  connect: seconds => `the vendor could not be reached within ${seconds} s`,
  'first byte': seconds => `the vendor sent nothing within ${seconds} s`,
  answer: seconds => `the vendor did not answer within ${seconds} s`,
  idle: seconds => `the vendor has been silent for ${seconds} s`,
}

/** One clock with one due time, set anew as the attempt goes from phase to phase. */
export class Deadline {
  /** Set when it has passed: what the attempt failed with. */
  expired: GatewayError | undefined
  #ticking = false
  #due = Number.POSITIVE_INFINITY
  #phase: Phase = 'first byte'
  #seconds = 0
  #look: { at: number; run: () => void } | undefined

  constructor(private readonly onExpire: (error: GatewayError) => void) {}

  /** From now on `seconds` are given for `phase`. Cheap: called for every piece of a stream. */
  arm(phase: Phase, seconds: number): void {
    this.#phase = phase
    this.#seconds = seconds
    this.#due = performance.now() + seconds * 1000
    this.#start()
  }

  /** Runs `run` once, `seconds` from now, unless the deadline is cleared or rests before. */
  look(seconds: number, run: () => void): void {
    this.#look = { at: performance.now() + seconds * 1000, run }
    this.#start()
  }

  /** Nothing is waited for. */
  rest(): void {
    this.#due = Number.POSITIVE_INFINITY
    this.#look = undefined
  }

  clear(): void {
    this.rest()
    if (this.#ticking) stopTicking(this)
    this.#ticking = false
  }

  expire(phase: Phase, seconds: number): void {
    this.clear()
    this.expired ??= new GatewayError('upstream_timeout', words[phase](seconds), { unsent: phase === 'connect' })
    this.onExpire(this.expired)
  }

  /** As `expire`, but only while something is waited for. */
  expireIfWaiting(phase: Phase, seconds: number): void {
    if (this.#ticking && this.#due !== Number.POSITIVE_INFINITY) this.expire(phase, seconds)
  }

  tick(now: number): void {
    if (now >= this.#due) this.expire(this.#phase, this.#seconds)
    if (this.#look === undefined || now < this.#look.at) return
    const { run } = this.#look
    this.#look = undefined
    run()
  }

  #start(): void {
    if (this.#ticking) return
    this.#ticking = true
    startTicking(this)
  }
}
