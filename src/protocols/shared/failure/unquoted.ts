/**
 * The words of a vendor's error without what it quotes from the request. A vendor that repeats the user's text (vLLM,
 * FastAPI, Azure) must not make the gateway believe what the user wrote: "say: invalid API key".
 */

/** Opening quote → closing quote. An apostrophe inside a word is none. */
const quotes: Record<string, string> = { '"': '"', "'": "'", '`': '`', '“': '”', '‘': '’', '「': '」', '《': '》' }

/** Quoted text up to this length is a name (of a model, a parameter, a value) and stays. */
const maxNameLength = 40
/** Only the beginning is read: the reason comes first, what follows is detail or quotation. */
const maxLength = 1200

/** `'input': 'say invalid API key'`, `input_value={…}`: FastAPI and pydantic repeat the field they refuse. */
const repeatedInput = /["']?\binput(?:_value)?["']?\s*[:=]\s*.*/su

/**
 * Removes quoted passages that are longer than a name or consist of several words, and everything after a repeated
 * input. Linear in the length of the text.
 */
export const withoutQuotations = (text: string): string => {
  const words = text.slice(0, maxLength).replace(repeatedInput, '')
  let result = ''
  let at = 0
  while (at < words.length) {
    const end = quotationEnd(words, at)
    if (end === undefined) {
      result += words[at++]
      continue
    }
    const inner = words.slice(at + 1, end)
    result += isName(inner) ? words.slice(at, end + 1) : ' … '
    at = end + 1
  }
  return result
}

/** The position of the closing quote, if a quotation opens at `start`. */
const quotationEnd = (text: string, start: number): number | undefined => {
  const close = quotes[text[start]!]
  if (close === undefined || isInsideWord(text, start)) return undefined
  for (let end = start + 1; end < text.length; end++) if (text[end] === close && !isInsideWord(text, end)) return end
  return undefined
}

const letter = /[\p{L}\p{N}]/u

/** An apostrophe between two letters, as in "can't". */
const isInsideWord = (text: string, at: number): boolean =>
  text[at] === "'" && letter.test(text[at - 1] ?? '') && letter.test(text[at + 1] ?? '')

const isName = (quoted: string): boolean => quoted.length <= maxNameLength && !/\s\S+\s|[，。；！？]/.test(quoted)
