/** docs/errors.md: every code of src/base/errors.ts as a client sees it. */
import { type ErrorCode, errorCodes, GatewayError } from '../../src/base/errors.ts'
import { protocols } from '../../src/protocols/registry.ts'

/** What somebody who meets the code can do. */
const advice: Record<ErrorCode, string> = {
  invalid_request: 'Correct the request; `param` says where.',
  unauthorized: 'Send a key of `api_key` or `api_keys` as `Authorization: Bearer <key>`.',
  forbidden: "Ask for one of the models of `GET /v1/models`, or widen the key's `supported_models`.",
  model_not_found: '`GET /v1/models` and `simple-one-api models` show which there are.',
  not_found: 'Look at the path: most clients want the address with `/v1` at its end.',
  method_not_allowed: 'Use POST.',
  too_large: 'Send less, or raise `max_body`.',
  limited: 'Come again after `Retry-After` seconds; see [limits](limits.md).',
  cancelled: 'Nothing: nobody is there to read it.',
  internal: 'Report it with the log line of its `x-request-id`.',
  upstream_refused: 'Read the message: it is the vendor speaking of the request.',
  upstream_limited:
    "Come again after `Retry-After` seconds; a `limit` that fits the vendor's makes requests wait instead.",
  upstream_credentials:
    "Mend the credentials of the service; the client's own key is fine. The log has the vendor's words.",
  upstream_failed: "Try again; if it stays, look at the service's `server_url` and at the vendor's status page.",
  upstream_timeout: 'Try again, or raise `timeouts` or the `timeout` of the service.',
  unavailable: 'Try again in a moment.',
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

Every error has OpenAI's shape, so that the SDKs understand it, and the status that belongs to it:

\`\`\`console
$ curl -i http://localhost:9090/v1/chat/completions -d '{"model": "gpt-9", "messages": [{"role": "user", "content": "Hello!"}]}'
HTTP/1.1 404 Not Found
Content-Type: application/json
x-request-id: req_c11f25a60edb45f48ee28ad223e35911

{"error":{"message":"The model \`gpt-9\` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}
\`\`\`

- \`x-request-id\` is on every answer of a model; the log line of the same id tells which target was asked, how long it took, and the vendor's own words.
- A vendor's 4xx keeps its status and its words: its 404, 413 or 422 is the client's 404, 413 or 422. So does a 5xx. Its 401, 402 and 403 speak of *your* key and
  not of the client's, so they become \`upstream_credentials\`, and what the vendor said of the key is only in the log.
- A stream whose first content has not gone out yet fails with its true status. Once something has been sent (a heartbeat counts) the status is 200,
  and the error is the last frame: \`data: {"error": …}\`, and no \`data: [DONE]\` after it.
- No error, header or log line carries a configured secret: whatever a vendor echoes is blotted out.

The first column is the word in the log; \`error.type\` and \`error.code\` are what the client sees where the vendor has no words of its own.

| log | status | \`error.type\` | \`error.code\` | means | what to do |
| --- | --- | --- | --- | --- | --- |
${(Object.keys(errorCodes) as ErrorCode[]).map(row).join('\n')}
`
