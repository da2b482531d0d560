/** Events → strict chunks. */

import { isObject, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { renderAnnotation } from './citations.ts'
import { renderError } from './error.ts'
import { renderMedia } from './media.ts'
import { writeSealSlot } from './reasoning/seal-slot.ts'
import { legacyId } from './stream-decoder.ts'
import { renderUsage } from './usage.ts'

type Renderers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
/** A part being told: how its text is said, and whether it has said any. */
type Voice = {
  say: (text: string) => JsonObject
  spoke: boolean
  part: PartKind
  index?: number
  own?: Seal
  held?: string[]
}

const words: Record<FinishReason, string> = {
  stop: 'stop',
  length: 'length',
  calls: 'tool_calls',
  filter: 'content_filter',
  pause: 'stop',
  other: 'stop',
}

/** The chunks a client gets; the usage comes last, in a chunk of its own, if the client asked for it. */
export const tellChunks =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const voices = new Map<number, Voice>()
    const freeTools = freeToolsOf(exchange.clientRequest)
    const noted = new Set<string>()
    let id = exchange.id
    let calls = 0
    let legacy = false
    let usage: Usage | undefined
    let over = false
    /** Seals of thoughts that no call has carried yet. */
    let before: Seal[] = []

    const envelope = () => ({ id, object: 'chat.completion.chunk', created: exchange.created, model: exchange.model })
    const chunk = (delta: JsonObject, finish: string | null = null): void =>
      emit({
        ...envelope(),
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(exchange.usageRequested && { usage: null }),
      })

    const lose = (path: string, why: string): void => {
      if (!noted.has(path)) exchange.loss(path, why)
      noted.add(path)
    }

    const openCall = ({ at, id: given = '', name = '', custom }: Extract<Event, { type: 'open' }>): void => {
      if (given.startsWith(legacyId)) {
        legacy = true
        voices.set(at, { say: text => ({ function_call: { arguments: text } }), spoke: false, part: 'call' })
        chunk({ function_call: { name, arguments: '' } })
        return
      }
      const index = calls++
      const wrapped = !custom && freeTools.has(name)
      const [type, slot] = custom || wrapped ? ['custom', 'input'] : ['function', 'arguments']
      const say = (text: string) => ({ tool_calls: [{ index, [type as string]: { [slot as string]: text } }] })
      voices.set(at, { say, spoke: custom === true || wrapped, part: 'call', index, ...(wrapped && { held: [] }) })
      chunk({
        tool_calls: [{ index, id: given, type: type as string, [type as string]: { name, [slot as string]: '' } }],
      })
    }

    /** A call carries its seal, and that of the thoughts before it; several of those only the gateway itself remembers. */
    const carry = (index: number, own: Seal | undefined): void => {
      if (before.length > 1 && !exchange.seals) lose('seal', 'a call carries the seal of one thought')
      const slot = writeSealSlot({ ...(own && { own }), ...(before.length === 1 && { before: before[0]! }) })
      before = []
      if (slot) chunk({ tool_calls: [{ index, function: { arguments: '' }, extra_content: slot }] })
    }

    const finishWord = (reason: FinishReason, raw: string | undefined): string => {
      if (reason === 'pause' || reason === 'other')
        lose('finish_reason', `"${raw ?? reason}" has no word in this protocol`)
      if (reason === 'calls' || (calls > 0 && words[reason] === 'stop'))
        return legacy && calls === 0 ? 'function_call' : 'tool_calls'
      return words[reason]
    }

    const render: Renderers = {
      start(event) {
        id = event.id || exchange.id
        chunk({ role: 'assistant', content: '' })
      },
      open(event) {
        if (event.part === 'call') return openCall(event)
        const key = { text: 'content', refusal: 'refusal', reasoning: 'reasoning_content' }[event.part]
        voices.set(event.at, { say: text => ({ [key]: text }), spoke: false, part: event.part })
      },
      delta({ at, text }) {
        const voice = voices.get(at)
        if (voice === undefined || text === '') return
        voice.spoke = true
        if (voice.held) voice.held.push(text)
        else chunk(voice.say(text))
      },
      seal({ at, seal }) {
        const voice = voices.get(at)
        if (voice?.part === 'reasoning') before.push(seal)
        else if (voice?.index === undefined) lose('seal', `only ${seal.by} can read what was sealed`)
        else if (seal.by !== 'openai-chat') voice.own = seal
        else if (isObject(seal.value))
          chunk({ tool_calls: [{ index: voice.index, function: { arguments: '' }, ...seal.value }] })
      },
      cite({ citation }) {
        const told = renderAnnotation(citation)
        if (told) chunk({ annotations: [told] })
        else lose('annotations', 'a source without an address has no form here')
      },
      close({ at }) {
        const voice = voices.get(at)
        if (voice?.held) chunk(voice.say(inputOf(voice.held.join(''))))
        if (voice?.part === 'call' && !voice.spoke) chunk(voice.say('{}'))
        if (voice?.index !== undefined) carry(voice.index, voice.own)
        voices.delete(at)
      },
      part({ part }) {
        if (part.type === 'foreign' && part.seal.by === 'openai-chat') chunk(part.seal.value as JsonObject)
        else if (part.type !== 'media') lose(part.type, 'has no form in an answer of this protocol')
        else {
          const image = renderMedia(part, 'images', lose)
          if (image) chunk({ images: [image] })
        }
      },
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        over = true
        if (before.length > 0) lose('seal', 'thoughts that lead to no call have no place for it')
        chunk({}, finishWord(reason, raw))
      },
      fault({ error }) {
        over = true
        emit(renderError(error) as JsonObject)
      },
    }

    return event => {
      if (event) render[event.type](event as never)
      else if (!over) render.fault({ type: 'fault', error: missingFinish() })
      else if (usage && exchange.usageRequested) emit({ ...envelope(), choices: [], usage: renderUsage(usage) })
    }
  }

/** Names of the client's free-text tools: a vendor without such tools calls them as functions of one `input`. */
const freeToolsOf = (asked: JsonObject | undefined): ReadonlySet<string> => {
  const tools = Array.isArray(asked?.tools) ? asked.tools.filter(isObject) : []
  return new Set(tools.flatMap(({ custom }) => (isObject(custom) ? [String(custom.name)] : [])))
}

/** `{"input": "…"}` → the text; what has another form stays as it is. */
const inputOf = (args: string): string => {
  const told = parseJson(args)
  return isObject(told) && typeof told.input === 'string' ? told.input : args
}
