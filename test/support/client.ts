/** A client that records when each frame arrives. */
import type { Gateway } from './gateway-process.ts'

export type ReceivedFrame = { text: string; receivedAt: number }
export type ClientStream = {
  status: number
  headers: Headers
  /** Frames (blocks of lines) in the order of arrival, comments included. */
  frames: ReceivedFrame[]
  /** Resolves when the stream has ended. */
  ended: Promise<void>
  /** The `data:` of all frames that are not comments. */
  data: () => string[]
  /** The whole content of choice 0. */
  content: () => string
  disconnect: () => void
}

export const sendRequest = (
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

/** Opens a stream. Resolves when the response headers have arrived. */
export const openStream = async (
  gateway: Pick<Gateway, 'url'>,
  body: object,
  options: RequestInit = {},
): Promise<ClientStream> => {
  const controller = new AbortController()
  const response = await sendRequest(gateway, { stream: true, ...body }, { ...options, signal: controller.signal })
  const frames: ReceivedFrame[] = []
  const readFrames = async () => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) {
      const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
      rest = blocks.pop()!
      for (const text of blocks) frames.push({ text, receivedAt: performance.now() })
    }
    if (rest !== '') frames.push({ text: rest, receivedAt: performance.now() })
  }
  const data = () => frames.filter(({ text }) => text.startsWith('data:')).map(({ text }) => text.slice(6))
  return {
    status: response.status,
    headers: response.headers,
    frames,
    ended: readFrames().catch(() => undefined),
    data,
    content: () =>
      data()
        .filter(text => text !== '[DONE]')
        .map(text => JSON.parse(text).choices?.[0]?.delta?.content ?? '')
        .join(''),
    disconnect: () => controller.abort(),
  }
}
