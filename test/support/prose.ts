/** Checks the English prose of the documentation: words with a private meaning, lengths of lines and sentences, passives. */

/** A word of the old private language, and what to write instead. */
type PrivateWord = { pattern: RegExp; instead: string }

/** "Writing" in CONTRIBUTING.md explains the rule. To add a word, add a line. */
export const privateWords: readonly PrivateWord[] = [
  { pattern: /\btell(?:s|ing)?\b(?! \w+ apart)|\btold\b/i, instead: 'report, show, state, say' },
  { pattern: /\bhears?\b|\bheard\b/i, instead: 'receive' },
  { pattern: /\b(?:own|other|no|the vendor's) words\b|\bwords of (?:its|their)\b/i, instead: 'message, format, names' },
  { pattern: /\bin-band\b/i, instead: 'in the stream' },
  {
    pattern: /\b(?:waits?|waiting|stands?|stood|wait|queue) in line\b|\bleaves? the line\b/i,
    instead: 'wait in the queue',
  },
  { pattern: /\bpatience\b/i, instead: 'timeout' },
  { pattern: /\bwhole (?:answers?|responses?|bod(?:y|ies)|messages?)\b/i, instead: 'complete' },
  { pattern: /\bmend(?:s|ed|ing)?\b|\bput right\b/i, instead: 'correct, fix' },
  { pattern: /\b(?:is|are|be|not|no longer) sound\b|\bsound (?:answer|body|frame|json)/i, instead: 'valid' },
  { pattern: /\bblotted out\b/i, instead: 'redacted' },
  { pattern: /\bby lot\b/i, instead: 'at random' },
  { pattern: /\bspoken\b/i, instead: 'supported' },
  { pattern: /\bthe house\b/i, instead: 'the project, the code' },
  { pattern: /\bwhoever\b/i, instead: 'a client that …, everyone who …' },
  { pattern: /\bfor nothing\b/i, instead: 'free of charge' },
  { pattern: /\bbeforehand\b/i, instead: 'before …' },
  { pattern: /\bof late\b/i, instead: 'recently' },
  { pattern: /\ball the same\b/i, instead: 'anyway' },
  { pattern: /\bamids?t?\b|\bin the midst\b/i, instead: 'in, in the middle of' },
  { pattern: /\b(?:where|there|here)(?:in|by|of|upon)\b|\bupon\b/i, instead: 'in this, by this, on' },
  { pattern: /\bstands? (?:in|beside|behind|above|below)\b/i, instead: 'is in, is next to' },
  { pattern: /\bknown by\b/i, instead: 'authenticated with' },
  { pattern: /\bholds? together\b/i, instead: 'apply together' },
  { pattern: /\bbelongs? into\b/i, instead: 'belongs in' },
  { pattern: /\bSo (?:is|are|does|do) \w/, instead: 'a full sentence' },
  { pattern: /\bAway with\b/, instead: 'Uninstall' },
  { pattern: /(?<!\bthere )\bis no (?:stream|number|model|json|list|object|text|answer)\b/i, instead: 'is not a …' },
]

/** Maximum characters of a line, except in the tables of generated pages. */
export const maxLineLength = 400
/** Maximum words of a sentence. */
export const maxSentenceWords = 40
/** The maximum share of sentences with a passive. */
export const maxPassiveShare = 0.15

/** A sentence of a page and the number of the line on which its paragraph starts. */
type Sentence = { line: number; text: string }

/** The lines of a page, with the code blocks, generated blocks and comments emptied. Line numbers stay. */
const proseLines = (markdown: string): string[] =>
  markdown
    .replace(/^( *)```[\s\S]*?^\1```$|<!-- generated: [\s\S]*?<!-- end -->|<!--[\s\S]*?-->/gm, removed =>
      removed.replace(/[^\n]/g, ''),
    )
    .split('\n')

/** The visible text of a Markdown line. Inline code counts as one word. */
const plainText = (line: string): string =>
  line
    .replace(/`[^`]*`/g, 'code')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<https?:[^>]*>|https?:\S+/g, 'address')
    .replace(/[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}/g, '')

const startsBlock = /^\s*(?:[-*] |\d+\. |#|\||>)/

/** The text of a page as sentences. Table cells, list items and headings are separate. */
export const sentencesOf = (markdown: string): Sentence[] => {
  const paragraphs: Sentence[] = []
  let isOpen = false
  for (const [index, line] of proseLines(markdown).entries()) {
    const isEmpty = line.trim() === ''
    const text = plainText(line.replace(startsBlock, '')).trim()
    if (line.startsWith('|')) {
      for (const cell of text.split('|')) paragraphs.push({ line: index + 1, text: cell.trim() })
      isOpen = false
    } else if (isOpen && !isEmpty && !startsBlock.test(line)) paragraphs.at(-1)!.text += ` ${text}`
    else {
      if (!isEmpty) paragraphs.push({ line: index + 1, text })
      isOpen = !isEmpty && !line.startsWith('#')
    }
  }
  return paragraphs.flatMap(({ line, text }) =>
    text
      .split(/(?<=[.!?]["')]?)\s+(?=["'(]?[A-Z0-9]|code)/)
      .filter(part => /[A-Za-z]{2}/.test(part))
      .map(part => ({ line, text: part })),
  )
}

const irregularParticiples =
  'been begun built chosen cut done drawn driven fed felt found forgotten given gone got held hidden hit kept known ' +
  'laid left lent let lost made meant met named paid put read run seen sent set shown shut sold split spent spoken ' +
  'stood taken taught thought told written'
const passive = new RegExp(
  String.raw`\b(?:is|are|was|were|be|been|being|gets?)\b(?: (?:not|never|always|also|only|already|then|still|\w+ly))*` +
    String.raw` (?:\w{2,}ed(?<!\b(?:need|speed|indeed|exceed|feed))|${irregularParticiples.replaceAll(' ', '|')})\b`,
  'i',
)

export const isPassive = (sentence: string): boolean => passive.test(sentence)

/**
 * What is wrong with a page, one line of text for each problem. `isGenerated`: the page contains generated tables and
 * lists, so table rows may be long, and a semicolon ends a sentence.
 */
export const proseProblems = (markdown: string, { isGenerated = false } = {}): string[] => {
  const sentences = sentencesOf(markdown)
  const longLines = proseLines(markdown).flatMap((line, index) =>
    line.length > maxLineLength && !(isGenerated && line.startsWith('|'))
      ? [`line ${index + 1} has ${line.length} characters, more than ${maxLineLength}`]
      : [],
  )
  const longSentences = sentences.flatMap(({ line, text }) => {
    const parts = isGenerated ? text.split(';') : [text]
    const words = Math.max(...parts.map(part => part.trim().split(/\s+/).length))
    return words > maxSentenceWords ? [`line ${line}: a sentence of ${words} words: ${text.slice(0, 60)}…`] : []
  })
  const words = sentences.flatMap(({ line, text }) =>
    privateWords.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(text)
      return found ? [`line ${line}: "${found[0]}"; write: ${instead}`] : []
    }),
  )
  const passives = sentences.filter(({ text }) => isPassive(text)).length
  const share = sentences.length === 0 ? 0 : passives / sentences.length
  const tooPassive =
    share > maxPassiveShare
      ? [`${passives} of ${sentences.length} sentences are passive, more than ${maxPassiveShare * 100} %`]
      : []
  return [...longLines, ...longSentences, ...words, ...tooPassive]
}
