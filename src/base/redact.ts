/**
 * Keeps secrets out of everything that leaves the process: those of the configuration and of run time, and what looks
 * like a key.
 */
import { originalText, visitLayers } from './secrets/decode-escapes.ts'
import type { RuntimeSecrets } from './secrets/runtime-secrets.ts'
import { type ByteSpan, SecretIndex } from './secrets/secret-index.ts'

/** Replaces every secret in a text by `•••`. A text without secrets is returned as it is. */
export type Redact = (text: string) => string

const placeholder = '•••'

/**
 * Creates a function that replaces every secret, of the configuration and of run time, in every usual encoding: escapes
 * of JSON, URLs, HTML and program source, several layers of them in any mix; base64 of the secret alone or with
 * something before it; hexadecimal and decimal bytes; any letter case. A secret that could be a word (below 8
 * characters, or below 12 letters or digits and nothing else) is only replaced as a whole word in its own case, and one below 4
 * characters never. It scans the whole text in linear time, so use it for errors, names and logs and never for content.
 */
export const createRedact = (secrets: readonly string[], runtimeSecrets?: RuntimeSecrets): Redact => {
  /** Built for the first text, so that it does not delay the start. */
  let configured: SecretIndex | undefined
  return text => {
    if (text === '') return text
    configured ??= SecretIndex.of(secrets)
    return redactWith(runtimeSecrets === undefined ? [configured] : [configured, runtimeSecrets.index], text)
  }
}

const redactWith = (indexes: readonly SecretIndex[], text: string): string => {
  if (indexes.every(({ isEmpty }) => isEmpty)) return text
  const original = originalText(text)
  const found: ByteSpan[] = []
  visitLayers(original, layer => {
    for (const index of indexes) index.search(layer, found)
  })
  return found.length === 0 ? text : replaceSpans(original.bytes, found)
}

/** Replaces each span, and spans that touch or overlap as one. */
const replaceSpans = (bytes: Buffer, found: ByteSpan[]): string => {
  let out = ''
  let end = 0
  for (const { start: from, end: until } of found.sort((one, other) => one.start - other.start)) {
    const start = startOfEscape(bytes, from)
    if (start > end || (start === end && out === '')) out += bytes.toString('utf8', end, start) + placeholder
    end = Math.max(end, until)
  }
  return out + bytes.toString('utf8', end)
}

/** A secret may seem to begin with the letter of an escape such as `\n`. The whole escape goes, or JSON would break. */
const startOfEscape = (bytes: Buffer, start: number): number => {
  let before = start
  while (before > 0 && bytes[before - 1] === 0x5c) before--
  return (start - before) % 2 === 1 ? start - 1 : start
}

const keyPattern = /\b(?:sk|gsk|xai|nvapi|pplx|r8|hf)[-_][\w.…-]{8,}/

/**
 * A query parameter that signs a URL or names the signer: AWS, Google, Azure, Alibaba, Tencent, Volcengine, Baidu,
 * Huawei.
 */
const signedUrlPattern =
  /[?&;](?:x-(?:amz|goog|oss|cos|tos|bce|obs)-(?:signature|credential|security-token)|(?:q-)?signature|q-ak|sig|(?:aws|oss|obs)?accesskeyid|googleaccessid)=/i

/** Whether the text may contain something that `redactKeyLike` redacts. */
export const mayHoldKey = (text: string): boolean =>
  text.includes('***') || keyPattern.test(text) || signedUrlPattern.test(text)

/**
 * Redacts keys that a vendor shows masked (`sk-ab****yz`), text that looks like a key, and the query of a signed URL.
 * Linear: each word is examined at most twice.
 */
export const redactKeyLike = (text: string): string =>
  text
    .replace(/[^\s"'`,;:<>()[\]{}\\]+/g, match => (match.includes('***') || keyPattern.test(match) ? '***' : match))
    .replace(/[^\s"'<>\\]+/g, match =>
      signedUrlPattern.test(match) ? `${match.slice(0, match.indexOf('?') + 1)}***` : match,
    )
