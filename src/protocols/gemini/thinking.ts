/**
 * How Gemini models are asked to think. Gemini 3 and later take a level, 2.5 takes a budget in tokens, older models and
 * Gemma take neither.
 * https://ai.google.dev/gemini-api/docs/thinking (2026-11)
 */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Chat, Effort } from '../../ir/chat.ts'
import { budgetOf, effortOf, requestedEffort } from '../../ir/effort.ts'
import type { NoteLoss } from '../protocol.ts'

type ThinkingControl = 'levels' | 'budget' | 'none' | 'unknown'

const levels: Record<Effort, string> = {
  none: 'MINIMAL',
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'HIGH',
}

/** A name such as `gemini-flash-latest`, without a version, refers to the newest model. */
const thinkingControlOf = (model: string): ThinkingControl => {
  const name = model.toLowerCase()
  const version = /gemini-(\d+)(?:\.(\d+))?/.exec(name)
  if (version === null && name.includes('gemma')) return 'none'
  if (version === null) return /gemini-.*latest/.test(name) ? 'levels' : 'unknown'
  const [major, minor] = [Number(version[1]), Number(version[2] ?? 0)]
  if (major >= 3) return 'levels'
  return major === 2 && minor >= 5 ? 'budget' : 'none'
}

/** Whether the model refuses calls of the current turn that are sent back without their signature. */
export const requiresSignatures = (model: string): boolean => thinkingControlOf(model) === 'levels'

/** Whether tool results may contain images: since Gemini 3. */
export const acceptsMediaInResults = (model: string): boolean => thinkingControlOf(model) === 'levels'

/**
 * Whether a response format may be combined with functions. Older models answer 400 "Function calling with a response
 * mime type: 'application/json' is unsupported" (github.com/googleapis/python-genai issues 867 and 706), Gemini 3 does
 * not (github.com/alphaXiv/agents issue 3, 2026-01).
 */
export const acceptsFormatWithTools = (model: string): boolean => !/gemini-[12](?![\d])/.test(model.toLowerCase())

/**
 * Parses `thinkingConfig`. `includeThoughts` only shows thoughts, it does not request them. A budget below 0 lets the
 * model decide.
 */
export const parseThinking = (config: Json | undefined): Chat['reasoning'] => {
  if (!isObject(config)) return undefined
  const { thinkingBudget: budget, thinkingLevel: level, includeThoughts } = config
  const effort = typeof level === 'string' ? lookUp(efforts, level.toUpperCase()) : undefined
  return {
    ...(effort !== undefined && { effort }),
    ...(typeof budget === 'number' && { budget }),
    shown: includeThoughts === true,
  }
}

const efforts: Record<string, Effort> = { MINIMAL: 'minimal', LOW: 'low', MEDIUM: 'medium', HIGH: 'high' }

/**
 * Renders `thinkingConfig`. Thoughts are shown by default if they are requested by a client whose protocol has no such
 * option.
 */
export const renderThinking = (reasoning: Chat['reasoning'], model: string, loss: NoteLoss): JsonObject | undefined => {
  if (reasoning === undefined) return undefined
  const control = thinkingControlOf(model)
  const effort = requestedEffort(reasoning)
  if (control === 'none') {
    if (effort !== undefined && effort !== 'none') loss('reasoning', `${model} does not think`)
    return undefined
  }
  const shown = reasoning.shown ?? (effort !== undefined && effort !== 'none')
  const fields = thinkingFieldsFor(control, reasoning, model, loss)
  const config = { ...fields, ...(shown && { includeThoughts: true }) }
  return Object.keys(config).length > 0 ? config : undefined
}

/** If the model's name is unknown, the fields follow the client's request. */
const thinkingFieldsFor = (
  control: ThinkingControl,
  reasoning: NonNullable<Chat['reasoning']>,
  model: string,
  loss: NoteLoss,
): JsonObject => {
  const { effort, budget } = reasoning
  if (control === 'levels') return levelFor(reasoning, model, loss)
  if (control === 'budget') return budgetFor(reasoning, model, loss)
  if (budget !== undefined) return { thinkingBudget: budget }
  return effort === undefined ? {} : { thinkingLevel: levels[effort] }
}

/** Pro models do not support MINIMAL. */
const levelFor = ({ effort, budget }: NonNullable<Chat['reasoning']>, model: string, loss: NoteLoss): JsonObject => {
  const wanted = effort ?? (budget === undefined ? undefined : effortOf(budget))
  if (wanted === undefined) return {}
  if (wanted === 'none') loss('reasoning.effort', `${model} always thinks, at least a little`)
  const level = levels[wanted]
  return { thinkingLevel: level === 'MINIMAL' && /pro/i.test(model) ? 'LOW' : level }
}

/** Bounds of a thinking budget in tokens. 0, which disables thinking, is refused by 2.5 Pro only. */
const budgetBounds = (model: string): { min: number; max: number; canDisable: boolean } => {
  if (/pro/i.test(model)) return { min: 128, max: 32768, canDisable: false }
  return { min: /lite/i.test(model) ? 512 : 1, max: 24576, canDisable: true }
}

const budgetFor = ({ effort, budget }: NonNullable<Chat['reasoning']>, model: string, loss: NoteLoss): JsonObject => {
  const wanted = budget ?? (effort === undefined ? undefined : budgetOf(effort))
  if (wanted === undefined) return {}
  if (wanted < 0) return { thinkingBudget: -1 }
  const { min, max, canDisable } = budgetBounds(model)
  if (wanted === 0 && canDisable) return { thinkingBudget: 0 }
  const clamped = Math.min(Math.max(wanted, min), max)
  if (clamped !== wanted && (budget !== undefined || wanted === 0))
    loss('reasoning.budget', `${model} accepts ${min} to ${max}`)
  return { thinkingBudget: clamped }
}
