/**
 * Sources of an answer: `groundingMetadata` of Google Search and `citationMetadata` of recited text. Google counts
 * offsets in bytes of UTF-8. https://ai.google.dev/api/generate-content#GroundingMetadata (2026-11)
 */

import { countOf, isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Citation } from '../../ir/chat.ts'
import { listOf, withoutNullish } from './syntax/casing.ts'
import { TextOffsets } from './syntax/text-offsets.ts'

/** The sources found so far in the chunks of an answer. Each chunk repeats all sources or holds none. */
export type Sources = { grounding?: JsonObject; citations?: JsonObject[] }

/** Stores the sources of a candidate, replacing earlier ones. */
export const mergeSources = (sources: Sources, { groundingMetadata, citationMetadata }: JsonObject): void => {
  if (isObject(groundingMetadata) && listOf(groundingMetadata.groundingChunks).length > 0)
    sources.grounding = groundingMetadata
  if (!isObject(citationMetadata)) return
  const cited = listOf(citationMetadata.citationSources ?? citationMetadata.citations)
  if (cited.length > 0) sources.citations = cited
}

/** Returns the citations. `text` is the text that the offsets refer to. */
export const citationsIn = ({ grounding, citations = [] }: Sources, text: string): Citation[] => {
  const charOffset = charOffsetsIn(text)
  const recitations = citations.map(({ uri, title, startIndex, endIndex }) =>
    createCitation(uri, title, undefined, charOffset(startIndex ?? 0), charOffset(endIndex)),
  )
  return [...(grounding ? parseGrounding(grounding, charOffset) : []), ...recitations]
}

type CharOffset = (bytes: Json | undefined) => number | undefined

const charOffsetsIn = (text: string): CharOffset => {
  let offsets: TextOffsets | undefined
  return index => {
    const byteOffset = countOf(index)
    if (byteOffset === undefined) return undefined
    offsets ??= new TextOffsets(text)
    return offsets.charsIn(byteOffset)
  }
}

/** Returns the sources of a passage first, then the sources of the answer as a whole. */
const parseGrounding = (grounding: JsonObject, charOffset: CharOffset): Citation[] => {
  const chunks = listOf(grounding.groundingChunks).map(chunk => Object.values(chunk).find(isObject) ?? {})
  const used = new Set<number>()
  const supported = listOf(grounding.groundingSupports).flatMap(({ segment, groundingChunkIndices }) => {
    const { startIndex, endIndex, text } = isObject(segment) ? segment : {}
    return (Array.isArray(groundingChunkIndices) ? groundingChunkIndices : []).flatMap(index => {
      const chunk = typeof index === 'number' ? chunks[index] : undefined
      if (chunk === undefined) return []
      used.add(index as number)
      return [createCitation(chunk.uri, chunk.title, text, charOffset(startIndex ?? 0), charOffset(endIndex))]
    })
  })
  const others = chunks.filter((_, index) => !used.has(index))
  return [...supported, ...others.map(({ uri, title }) => createCitation(uri, title, undefined, undefined, undefined))]
}

const createCitation = (
  uri: Json | undefined,
  title: Json | undefined,
  quote: Json | undefined,
  start: number | undefined,
  end: number | undefined,
): Citation => ({
  ...(textOf(uri) !== undefined && { url: textOf(uri)! }),
  ...(textOf(title) !== undefined && { title: textOf(title)! }),
  ...(textOf(quote) !== undefined && { quote: textOf(quote)! }),
  ...(end !== undefined && { start: start ?? 0, end }),
})

/** A citation and the text it belongs to. */
export type CitedText = { citation: Citation; text: string }

/** The longest passage that a citation repeats, in characters. Of a longer one only the offsets are given. */
const maxQuoteLength = 4096

/** Renders citations as `groundingMetadata`. */
export const renderSources = (cited: readonly CitedText[]): JsonObject => {
  const groundingChunks: JsonObject[] = []
  const chunkIndices = new Map<string, number>()
  const groundingSupports: JsonObject[] = []
  const offsetsOf = new Map<string, TextOffsets>()
  for (const { citation, text } of cited) {
    const { url, title, quote, start = 0, end } = citation
    const web = withoutNullish({ uri: url, title })
    const key = JSON.stringify(web)
    const index = chunkIndices.get(key) ?? groundingChunks.push({ web }) - 1
    chunkIndices.set(key, index)
    if (end === undefined) continue
    const offsets = offsetsOf.get(text) ?? new TextOffsets(text)
    offsetsOf.set(text, offsets)
    const segment = withoutNullish({
      startIndex: offsets.bytesIn(start),
      endIndex: offsets.bytesIn(end),
      text: quote ?? (end - start > maxQuoteLength ? undefined : text.slice(start, end)),
    })
    groundingSupports.push({ segment, groundingChunkIndices: [index] })
  }
  return { groundingChunks, ...(groundingSupports.length > 0 && { groundingSupports }) }
}
