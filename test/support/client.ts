/** A client that notes when each frame came. */
import type { Gateway } from './process.ts'

export type Heard = { text: string; at: number }
export type Stream = {
  status: number
  headers: Headers
  /** Frames (blocks of lines) as they came, comments included. */
  frames: Heard[]
  /** Resolves when the stream has ended. */
  ended: Promise<void>
  /** `data:` of the frames without comments. */
  data: () => string[]
  /** All content of choice 0. */
  content: () => string
  leave: () => void
}

export const ask = (
  gateway: Pick<Gateway, 'url'>,
  body: object,
  options: RequestInit & { path?: string } = {},
): Promise<Response> =>
  fetch(`${gateway.url}${options.path ?? '/v1/chat/completions'}`, {
    method: 'POST',
    proxy: false,
    ...options,
    headers: { 'content-type': 'application/json', ...(options.headers as Record<string, string>) },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], ...body }),
  } as RequestInit)

/** Opens a stream; resolves when the head of the answer is there. */
export const stream = async (
  gateway: Pick<Gateway, 'url'>,
  body: object,
  options: RequestInit = {},
): Promise<Stream> => {
  const controller = new AbortController()
  const response = await ask(gateway, { stream: true, ...body }, { ...options, signal: controller.signal })
  const frames: Heard[] = []
  const listen = async () => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) {
      const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
      rest = blocks.pop()!
      for (const text of blocks) frames.push({ text, at: performance.now() })
    }
    if (rest !== '') frames.push({ text: rest, at: performance.now() })
  }
  const data = () => frames.filter(({ text }) => text.startsWith('data:')).map(({ text }) => text.slice(6))
  return {
    status: response.status,
    headers: response.headers,
    frames,
    ended: listen().catch(() => undefined),
    data,
    content: () =>
      data()
        .filter(text => text !== '[DONE]')
        .map(text => JSON.parse(text).choices?.[0]?.delta?.content ?? '')
        .join(''),
    leave: () => controller.abort(),
  }
}
