/** What each model of the Messages protocol and of Converse accepts, trait by trait. */
import { describe, expect, test } from 'bun:test'
import { traitsOf } from '../../src/protocols/anthropic/model-traits.ts'
import { converseTraitsOf } from '../../src/protocols/bedrock-converse/model-traits.ts'

// platform.claude.com/docs/en/build-with-claude/thinking, …/models/opus-5-5/migration-guide, 2026-11.
// name | adaptive | budget | off | sampling | forced tool | system turns | JSON schema | highest effort | tokens
const claudes = `
  claude-2.1                                 | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  claude-v2                                  | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  claude-3-haiku-20240307                    | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  claude-3-7-sonnet@20250219                 | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  claude-sonnet-4-20250514                   | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  anthropic.claude-opus-4-1-20250805-v1:0    | no  | yes | omit          | yes | yes | no  | no  | high  | 8192
  claude-haiku-4-5-20251001                  | no  | yes | omit          | yes | yes | no  | yes | high  | 32000
  anthropic/claude-sonnet-4.5                | no  | yes | omit          | yes | yes | no  | yes | high  | 32000
  claude-opus-4-6                            | yes | yes | omit          | yes | yes | no  | yes | high  | 32000
  claude-latest                              | yes | yes | omit          | yes | yes | no  | yes | high  | 32000
  claude-opus-4-7                            | yes | no  | omit          | no  | yes | no  | yes | xhigh | 32000
  claude-mythos-preview                      | yes | no  | never         | no  | no  | no  | yes | xhigh | 32000
  claude-opus-4-8                            | yes | no  | omit          | no  | yes | yes | yes | xhigh | 32000
  claude-sonnet-5                            | yes | no  | disabled      | no  | yes | no  | yes | xhigh | 32000
  claude-opus-5                              | yes | no  | disabled      | no  | yes | yes | yes | xhigh | 32000
  claude-sonnet-5-5                          | yes | no  | between_tools | no  | no  | yes | yes | xhigh | 32000
  claude-opus-5-5                            | yes | no  | never         | no  | no  | yes | yes | xhigh | 32000
  claude-haiku-5-5                           | yes | no  | never         | no  | no  | yes | yes | xhigh | 32000
  claude-fable-5                             | yes | no  | never         | no  | no  | yes | yes | xhigh | 32000`

const rowsOf = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()))

describe('a Claude', () => {
  test.each(rowsOf(claudes))('%s', (name, ...cells) => {
    const [adaptive, budget, thinkingOff, sampling, forced, system, schema, maxEffort, tokens] = cells
    expect(traitsOf(name!)).toEqual({
      isClaude: true,
      hasAdaptiveThinking: adaptive === 'yes',
      hasThinkingBudget: budget === 'yes',
      thinkingOff: thinkingOff as 'omit',
      acceptsSampling: sampling === 'yes',
      canForceTool: forced === 'yes',
      acceptsSystemTurns: system === 'yes',
      acceptsJsonSchema: schema === 'yes',
      maxEffort: maxEffort as 'high',
      defaultMaxTokens: Number(tokens),
    })
    expect(traitsOf(name!.toUpperCase())).toEqual(traitsOf(name!))
  })

  test.each(['kimi-k2.7', 'deepseek-v4', 'claude', 'MiniMax-M3'])(
    'is not %s: it gets the forms that all support',
    name =>
      expect(traitsOf(name)).toEqual({
        isClaude: false,
        hasAdaptiveThinking: false,
        hasThinkingBudget: true,
        thinkingOff: 'disabled',
        acceptsSampling: true,
        canForceTool: true,
        acceptsSystemTurns: false,
        acceptsJsonSchema: false,
        maxEffort: 'high',
        defaultMaxTokens: 8192,
      }),
  )
})

// docs.aws.amazon.com/bedrock: "supported models and features" of Converse, structured output, prompt caching; and the
// Nova 2 user guide.
// name | JSON schema | forced tools | cache | result status | top_k | effort
const others = `
  amazon.nova-2-lite-v1:0               | no  | named | 5m | yes | topK  | nova
  amazon.nova-premier-2-v1:0            | no  | named | 5m | yes | topK  | nova
  us.amazon.nova-pro-v1:0               | no  | named | 5m | yes | topK  | none
  amazon.nova-premier-v1:0              | no  | named | 5m | yes | topK  | none
  cohere.command-r-plus-v1:0            | no  | none  | no | no  | k     | none
  amazon.titan-text-express-v1          | no  | none  | no | no  | none  | none
  meta.llama3-3-70b-instruct-v1:0       | no  | none  | no | no  | none  | none
  us.meta.llama4-scout                  | no  | none  | no | no  | none  | none
  custom-llama-3                        | no  | none  | no | no  | none  | none
  ai21.j2-ultra                         | no  | none  | no | no  | none  | none
  jamba-1-5-large                       | no  | none  | no | no  | none  | none
  writer.palmyra-x5-v1:0                | no  | none  | no | no  | none  | none
  palmyra-x4                            | no  | none  | no | no  | none  | none
  mistral.pixtral-large-2502-v1:0       | no  | none  | no | no  | none  | none
  pixtral-large                         | no  | none  | no | no  | none  | none
  openai.gpt-oss-120b-1:0               | yes | any   | no | no  | top_k | word
  mistral.mistral-large-3               | yes | any   | no | no  | top_k | none
  deepseek.v3-v1:0                      | yes | any   | no | no  | top_k | none
  qwen.qwen3-32b-v1:0                   | yes | any   | no | no  | top_k | none`

describe('a model of Converse', () => {
  test.each(rowsOf(others))('%s', (name, ...cells) => {
    const [schema, forcing, cache, resultStatus, topK, effort] = cells
    expect(converseTraitsOf(name!)).toMatchObject({
      claude: undefined,
      isNova: name!.includes('nova'),
      acceptsJsonSchema: schema === 'yes',
      toolForcing: forcing as 'any',
      maxCacheTtl: cache === 'no' ? false : (cache as '5m'),
      acceptsResultStatus: resultStatus === 'yes',
      topKField: topK === 'none' ? undefined : topK!,
      effortForm: effort === 'none' ? undefined : (effort as 'nova'),
    })
  })

  test.each([
    ['anthropic.claude-3-haiku-20240307-v1:0', false, 'named', '5m', 'top_k'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', true, 'named', '1h', 'top_k'],
    ['anthropic.claude-opus-4-7', true, 'named', '1h', undefined],
    ['anthropic.claude-opus-5-5', true, 'none', '1h', undefined],
  ] as const)('%s', (name, acceptsJsonSchema, toolForcing, maxCacheTtl, topKField) =>
    expect(converseTraitsOf(name)).toEqual({
      claude: traitsOf(name),
      isNova: false,
      acceptsJsonSchema,
      toolForcing,
      maxCacheTtl,
      acceptsResultStatus: true,
      topKField,
      effortForm: undefined,
    }),
  )
})
