/** docs/errors.md: every code of src/base/errors.ts as a client sees it. */
import { type ErrorCode, errorCodes, GatewayError } from '../../src/base/errors.ts'
import { protocols } from '../../src/protocols/registry.ts'

/** What a user can do about each code. */
const advice: Record<ErrorCode, string> = {
  invalid_request: 'Correct the field that `param` names.',
  unauthorized: 'Send a key from `api_key` or `api_keys` as `Authorization: Bearer <key>`.',
  forbidden: "Use a model from `GET /v1/models`, or add the model to the key's `supported_models`.",
  access_denied: 'Change the setting that the message names, or set `api_key`; see [clients](clients.md#web-pages).',
  model_not_found: 'Use a model from `GET /v1/models` or `simple-one-api models`.',
  not_found: 'Check the path. For most clients the base URL ends in `/v1`.',
  method_not_allowed: 'Use POST.',
  too_large: 'Send a smaller request, or raise `max_body`.',
  too_many_values: 'Split the request, or raise `max_values`.',
  limited: 'Wait for `Retry-After` seconds, then retry; see [limits](limits.md).',
  cancelled: 'Nothing.',
  internal: 'Report it, with the log line that has the same `x-request-id`.',
  upstream_refused: 'Read the message: it comes from the vendor and describes the problem.',
  upstream_limited:
    "Wait for `Retry-After` seconds, then retry. If you configure a `limit` like the vendor's, requests wait instead.",
  upstream_credentials:
    "Correct the credentials of the service; the client's key is fine. The log contains the vendor's message.",
  upstream_failed: "Retry. If it persists, check the service's `server_url` and the vendor's status page.",
  upstream_timeout: 'Retry, or raise `timeouts` or the `timeout` of the entry.',
  unavailable: 'Retry in a moment.',
}

type RenderedError = { error: { type: string; code: string | null } }

const renderedErrorOf = (code: ErrorCode): RenderedError['error'] => {
  const rendered = protocols.get('openai-chat')!.renderError(new GatewayError(code, '')) as RenderedError
  return rendered.error
}

const row = (code: ErrorCode): string => {
  const rendered = renderedErrorOf(code)
  const { status, description } = errorCodes[code]
  const codeCell = rendered.code === null ? '' : `\`${rendered.code}\``
  return `| \`${code}\` | ${status} | \`${rendered.type}\` | ${codeCell} | ${capitalize(description)}. | ${advice[code]} |`
}

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The page, in Markdown. */
export const errorsPage = (): string => `# Errors

Generated from \`src/base/errors.ts\` by \`npm run docs\`.

Every error has a matching HTTP status and OpenAI's format, so SDKs understand it:

\`\`\`console
$ curl -i http://localhost:9090/v1/chat/completions -d '{"model": "gpt-9", "messages": [{"role": "user", "content": "Hello!"}]}'
HTTP/1.1 404 Not Found
Content-Type: application/json
x-request-id: req_c11f25a60edb45f48ee28ad223e35911

{"error":{"message":"The model \`gpt-9\` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}
\`\`\`

- \`x-request-id\` is in every model response. The log line with the same ID shows which target was called, how long it
  took, and the vendor's own message.
- If a vendor answers with a 4xx or 5xx, the client gets its status and message: a 404, 413 or 422 stays a 404, 413 or
  422. The exceptions are 401, 402 and 403. They concern *your* key, not the client's, so they become
  \`upstream_credentials\`, and the vendor's message is only in the log.
- If a stream fails before its first content, the client gets the real status. Once anything was sent, even a heartbeat,
  the status is 200. The error is then the last frame, \`data: {"error": …}\`, without a \`data: [DONE]\` after it.
- No error, header or log line contains a secret of the configuration or one that the gateway got at run time, such as
  an access token. If a vendor echoes one, the gateway redacts it, in every usual encoding: URL, JSON, HTML, base64,
  hexadecimal. The same holds for frames and bodies that are not content of an answer. What a model wrote is not
  searched.
- A short secret could be part of an ordinary word. One below 8 characters, or below 12 letters or digits and nothing else,
  is only redacted as a whole word. One below 4 characters, a placeholder such as \`none\`, and a common word such as
  \`password\` are not redacted at all, so choose longer keys.

The column "log" is the code in the log. \`error.type\` and \`error.code\` are what the client sees if the vendor sent no type
or code of its own.

| log | status | \`error.type\` | \`error.code\` | meaning | what to do |
| --- | --- | --- | --- | --- | --- |
${(Object.keys(errorCodes) as ErrorCode[]).map(row).join('\n')}
`
