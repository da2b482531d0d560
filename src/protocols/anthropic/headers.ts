/** Headers of a request in this protocol. https://platform.claude.com/docs/en/api/versioning, …/beta-headers */

/**
 * Betas of the Messages API that a client may ask for. Others are not forwarded.
 * From the list of @anthropic-ai/sdk 1.11 (2026-11) and the ones Claude Code uses.
 */
const knownBetas: ReadonlySet<string> = new Set([
  'advanced-tool-use-2025-11-20',
  'advisor-tool-2026-03-01',
  'cache-diagnosis-2026-04-07',
  'claude-code-20250219',
  'code-execution-2025-05-22',
  'code-execution-2025-08-25',
  'compact-2026-01-12',
  'compact-2026-09-04',
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'dev-full-thinking-2025-05-14',
  'effort-2025-11-24',
  'extended-cache-ttl-2025-04-11',
  'fallback-credit-2026-06-01',
  'fallback-credit-2026-07-01',
  'fast-mode-2026-02-01',
  'files-api-2025-04-14',
  'fine-grained-tool-streaming-2025-05-14',
  'inline-tools-2026-09-15',
  'interleaved-thinking-2025-05-14',
  'max-tokens-3-5-sonnet-2024-07-15',
  'mcp-client-2025-04-04',
  'mcp-client-2025-11-20',
  'mcp-client-2026-09-15',
  'message-threads-2026-08-12',
  'mid-conversation-output-config-2026-07-01',
  'mid-conversation-system-clear-at-2026-08-21',
  'mid-conversation-tool-changes-2026-07-01',
  'model-context-window-exceeded-2025-08-26',
  'oauth-2025-04-20',
  'output-128k-2025-02-19',
  'output-300k-2026-03-24',
  'pdfs-2024-09-25',
  'prompt-caching-2024-07-31',
  'prompt-caching-scope-2026-01-05',
  'server-side-fallback-2026-06-01',
  'server-side-fallback-2026-07-01',
  'skills-2025-10-02',
  'structured-outputs-2025-11-13',
  'structured-outputs-2025-12-15',
  'task-budgets-2026-03-13',
  'thinking-binding-controls-2026-08-01',
  'thinking-display-updates-2026-08-18',
  'thinking-token-count-2026-05-13',
  'token-counting-2024-11-01',
  'token-efficient-tools-2025-02-19',
  'web-fetch-2025-09-10',
])

/**
 * Headers for the vendor. `client` holds the client's headers, if the client speaks this protocol.
 * The default version is 2023-06-01. Version 2026-10-21 has the same responses, but refuses requests with temperature,
 * top_p or top_k
 * (…/docs/en/api/migration-2026-10-21).
 */
export const headers = (client: Headers | undefined): Record<string, string> => {
  const requested = (client?.get('anthropic-beta') ?? '').split(',').map(one => one.trim())
  const known = requested.filter(one => knownBetas.has(one))
  return {
    'anthropic-version': client?.get('anthropic-version') ?? '2023-06-01',
    ...(known.length > 0 && { 'anthropic-beta': known.join(',') }),
  }
}
