/** Estimates the tokens of a request before anyone has counted them. */
import type { JsonObject } from '../base/json/json.ts'
import type { PromptVisitor, RequestReader } from '../protocols/shared/request-reader.ts'

/** Tokens assumed for an image, a recording or a document. */
const tokensPerMediaPart = 1000
/** Tokens assumed for an answer whose length the request does not limit. */
const defaultAnswerTokens = 500

/** `quarterTokens` counts bytes of which four make a token. */
type TokenCount = { quarterTokens: number; tokens: number }

/** Kana, Han, Hangul and full-width forms, by UTF-16 code unit. */
const isCjk = (unit: number): boolean =>
  (unit >= 0x3000 && unit <= 0x9fff) ||
  (unit >= 0xac00 && unit <= 0xd7a3) ||
  (unit >= 0xf900 && unit <= 0xfaff) ||
  (unit >= 0xff00 && unit <= 0xffef)

/** The high surrogate of a Han character beyond the basic plane (U+20000 to U+323AF). */
const isRareHan = (unit: number): boolean => unit >= 0xd840 && unit <= 0xd888

const countText = (text: string, count: TokenCount): void => {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) count.quarterTokens++
    else if (isCjk(unit)) count.tokens++
    else if (isRareHan(unit)) {
      count.tokens++
      at++
    } else count.quarterTokens += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
}

/** Adds up what a model reads. */
class PromptCounter implements PromptVisitor {
  readonly #count: TokenCount = { quarterTokens: 0, tokens: 0 }

  text(text: string): void {
    countText(text, this.#count)
  }
  media(): void {
    this.#count.tokens += tokensPerMediaPart
  }
  token(): void {
    this.#count.tokens++
  }
  get total(): number {
    return Math.ceil(this.#count.quarterTokens / 4) + this.#count.tokens
  }
}

/**
 * Estimates the tokens of a request, prompt and answer. Prompt: a quarter of the bytes of its text, one for each CJK
 * character, 1,000 for each image, recording or document (base64 never counts as text), and its tools as JSON. Answer:
 * the limit that the request sets; without one 500, if the request generates text.
 * @param reader reads the body in the request's own protocol
 */
export const estimateTokens = (reader: RequestReader, body: JsonObject): number =>
  estimatePromptTokens(reader, body) + Math.max(0, reader.maxAnswerTokens(body) ?? defaultAnswerTokens)

/** Estimates the tokens of the prompt alone. */
export const estimatePromptTokens = (reader: RequestReader, body: JsonObject): number => {
  const counter = new PromptCounter()
  reader.visitPrompt(body, counter)
  return counter.total
}
