/** Worlds with other vendors, shares and words than the standard one. */

import * as failures from './failures.ts'
import { seededRandom } from './random.ts'
import * as refusals from './refusals.ts'
import { cut, empty, hang, hangAfterHeaders, reset } from './reply.ts'
import type { World } from './worlds.ts'

const aims = { answered: 0.998, broken: 'twice ideal' } as const

const chinese: World = {
  name: 'chinese',
  about: 'eight vendors that fail in Chinese, with used-up free tiers as 403 and 400, and limits inside a 200',
  seconds: 120,
  rate: 2,
  aims,
  vendors: seed => {
    const { pick } = seededRandom('chinese', seed)
    return [
      {
        name: 'zhipu',
        keys: 2,
        limit: { atOnce: 3, refusal: pick(refusals.overAtOnce) },
        faults: [{ share: 0.12, reply: failures.overloaded429 }],
      },
      { name: 'dashscope', keys: 1, allowance: { total: 20, refusal: refusals.freeTierUsedUp403 } },
      { name: 'bailian', keys: 1, allowance: { total: 15, refusal: refusals.freeTierUsedUp400 } },
      {
        name: 'siliconflow',
        keys: 1,
        limit: { rpm: 40, refusal: refusals.overSiliconflow },
        faults: [{ share: 0.08, reply: failures.overloaded503 }],
      },
      { name: 'qianfan', keys: 1, limit: { rpm: 30, refusal: refusals.overInside200 }, isWritten: true },
      {
        name: 'spark',
        keys: 1,
        limit: { atOnce: 2, refusal: pick(refusals.overAtOnce) },
        faults: [{ share: 0.15, reply: pick([failures.overloadedSpark, failures.overloadedMinimax]) }],
      },
      { name: 'zhipu-paid', keys: 1, allowance: { total: 0, refusal: refusals.balanceUsedUp } },
      { name: 'huoshan', keys: 1, phases: [{ from: 40, reply: failures.modelNotOpen }] },
      { name: 'stepfun', keys: 2, deadKeys: { numbers: [0], reply: failures.deadKey403 } },
    ]
  },
}

const abroad: World = {
  name: 'abroad',
  about: 'nine vendors with 400 for a dead key or a region, 413 for tokens a minute, every spelling of Retry-After',
  seconds: 120,
  rate: 2.5,
  aims,
  vendors: () => [
    {
      name: 'gemini',
      keys: 2,
      limit: { rpm: 20, refusal: refusals.overGemini },
      isWritten: true,
      deadKeys: { numbers: [0], reply: failures.deadKey400 },
    },
    { name: 'gemini-day', keys: 1, allowance: { total: 20, refusal: refusals.dayUsedUpGemini } },
    { name: 'groq', keys: 1, limit: { rpm: 30, refusal: refusals.overTokens413 }, limitHeaders: refusals.groqHeaders },
    { name: 'cohere', keys: 1, allowance: { total: 18, refusal: refusals.monthUsedUpCohere } },
    { name: 'huggingface', keys: 1, allowance: { total: 9, refusal: refusals.monthUsedUp402 } },
    {
      name: 'nvidia',
      keys: 1,
      limit: { rpm: 40, refusal: refusals.overWithDate },
      isWritten: true,
      phases: [{ from: 35, until: 80, reply: failures.degraded400 }],
    },
    {
      name: 'azure',
      keys: 1,
      limit: { rpm: 45, refusal: refusals.overWithMilliseconds },
      isWritten: true,
      faults: [{ share: 0.05, reply: failures.timeoutPage }],
    },
    { name: 'cloudflare', keys: 1, allowance: { total: 25, refusal: refusals.dayUsedUpCloudflare } },
    { name: 'blocked', keys: 1, phases: [{ from: 0, reply: failures.regionBlocked400 }] },
    {
      name: 'openrouter',
      keys: 1,
      limit: { rpm: 50, refusal: refusals.overWithFraction },
      isWritten: true,
      faults: [{ share: 0.1, reply: failures.upstreamLimited429 }],
    },
    { name: 'router-day', keys: 1, allowance: { total: 30, refusal: refusals.dayUsedUpOpenRouter } },
    { name: 'retired', keys: 1, phases: [{ from: 50, reply: failures.modelRetired410 }] },
  ],
}

const rough: World = {
  name: 'rough',
  about: 'six vendors of which most fail often: pages, resets, cuts, silence after the headers',
  seconds: 120,
  rate: 2,
  aims,
  vendors: seed => {
    const { pick } = seededRandom('rough', seed)
    const over = pick(refusals.overWithRetryAfter)
    const written = (rpm: number) => ({ limit: { rpm, refusal: over }, isWritten: true }) as const
    return [
      { name: 'good', keys: 1, ...written(40) },
      {
        name: 'silent',
        keys: 1,
        ...written(60),
        faults: [
          { share: 0.04, reply: hangAfterHeaders },
          { share: 0.04, reply: hang },
        ],
      },
      {
        name: 'broken',
        keys: 1,
        faults: [
          { share: 0.3, reply: failures.gatewayPage },
          { share: 0.2, reply: pick(failures.serverError) },
        ],
      },
      {
        name: 'cutting',
        keys: 2,
        ...written(40),
        faults: [
          { share: 0.1, reply: cut },
          { share: 0.1, reply: reset },
        ],
      },
      { name: 'blank', keys: 1, ...written(50), faults: [{ share: 0.2, reply: empty }] },
      {
        name: 'waves',
        keys: 1,
        ...written(60),
        phases: [15, 40, 65, 90].map(from => ({ from, until: from + 12, reply: failures.overloaded503 })),
      },
      { name: 'dead', keys: 2, deadKeys: { numbers: [0, 1], reply: pick(failures.deadKey) } },
    ]
  },
}

export const otherWorlds: readonly World[] = [chinese, abroad, rough]
