/** Events → strict chunks. */
import type { Citation, Finish, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import { isObject, type JsonObject } from '../../ir/json.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { renderError, unfinished } from './error.ts'
import { legacyId } from './hear.ts'
import { renderMedia } from './media.ts'
import { renderUsage } from './usage.ts'

type Renderers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
/** A part being told: how its text is said, and whether it has said any. */
type Voice = { say: (text: string) => JsonObject; spoke: boolean; call: boolean; index?: number }

const words: Record<Finish, string> = {
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
    const noted = new Set<string>()
    let id = exchange.id
    let calls = 0
    let legacy = false
    let usage: Usage | undefined
    let over = false

    const envelope = () => ({ id, object: 'chat.completion.chunk', created: exchange.created, model: exchange.model })
    const chunk = (delta: JsonObject, finish: string | null = null): void =>
      emit({
        ...envelope(),
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(exchange.usageAsked && { usage: null }),
      })

    const lose = (path: string, why: string): void => {
      if (!noted.has(path)) exchange.loss(path, why)
      noted.add(path)
    }

    const openCall = ({ at, id: given = '', name = '', custom }: Extract<Event, { type: 'open' }>): void => {
      if (given.startsWith(legacyId)) {
        legacy = true
        voices.set(at, { say: text => ({ function_call: { arguments: text } }), spoke: false, call: true })
        chunk({ function_call: { name, arguments: '' } })
        return
      }
      const index = calls++
      const [type, slot] = custom ? ['custom', 'input'] : ['function', 'arguments']
      const say = (text: string) => ({ tool_calls: [{ index, [type as string]: { [slot as string]: text } }] })
      voices.set(at, { say, spoke: custom === true, call: true, index })
      chunk({
        tool_calls: [{ index, id: given, type: type as string, [type as string]: { name, [slot as string]: '' } }],
      })
    }

    const finishWord = (reason: Finish, raw: string | undefined): string => {
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
        voices.set(event.at, { say: text => ({ [key]: text }), spoke: false, call: false })
      },
      delta({ at, text }) {
        const voice = voices.get(at)
        if (voice === undefined || text === '') return
        voice.spoke = true
        chunk(voice.say(text))
      },
      seal({ at, seal }) {
        const index = voices.get(at)?.index
        if (seal.by !== 'openai-chat' || index === undefined || !isObject(seal.value))
          return lose('seal', `only ${seal.by} can read what was sealed`)
        chunk({ tool_calls: [{ index, function: { arguments: '' }, ...seal.value }] })
      },
      cite({ citation }) {
        const told = annotation(citation)
        if (told) chunk({ annotations: [told] })
        else lose('annotations', 'a source without an address has no form here')
      },
      close({ at }) {
        const voice = voices.get(at)
        if (voice?.call && !voice.spoke) chunk(voice.say('{}'))
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
        chunk({}, finishWord(reason, raw))
      },
      fault({ error }) {
        over = true
        emit(renderError(error) as JsonObject)
      },
    }

    return event => {
      if (event) render[event.type](event as never)
      else if (!over) render.fault({ type: 'fault', error: unfinished() })
      else if (usage && exchange.usageAsked) emit({ ...envelope(), choices: [], usage: renderUsage(usage) })
    }
  }

/** A citation that has an address, as OpenAI's web search writes it. */
const annotation = ({ url, title, start, end }: Citation): JsonObject | undefined =>
  url === undefined
    ? undefined
    : {
        type: 'url_citation',
        url_citation: { url, title: title ?? url, start_index: start ?? 0, end_index: end ?? 0 },
      }
