/** Follows JSON text that arrives piece by piece. Each piece is read once, however many there are. */

const QUOTE = 34
const BACKSLASH = 92
const BRACKET = 91
const END_BRACKET = 93
const BRACE = 123
const END_BRACE = 125

/** Whether the pieces so far are one whole object, with nothing but white space after it. The contents are not checked. */
export class JsonProgress {
  #depth = 0
  #isInString = false
  #isEscaped = false
  #isComplete = false

  get isComplete(): boolean {
    return this.#isComplete
  }

  push(piece: string): void {
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (this.#isInString) this.#readInString(code)
      else this.#read(code)
    }
  }

  #readInString(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (code === BACKSLASH) this.#isEscaped = true
    else if (code === QUOTE) this.#isInString = false
  }

  #read(code: number): void {
    if (code > 32) this.#isComplete = false
    if (code === QUOTE) this.#isInString = true
    else if (code === BRACE || code === BRACKET) this.#depth++
    else if (code === END_BRACE || code === END_BRACKET) {
      this.#depth--
      this.#isComplete = this.#depth === 0 && code === END_BRACE
    }
  }
}
