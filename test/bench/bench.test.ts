/**
 * Tests the decisions of the benchmark: when figures are steady, whether a ceiling holds, and what is written. Nothing
 * is timed here.
 */
import { describe, expect, test } from 'bun:test'
import { type GatewayOptions, gatewayConfig } from '../../bench/configs.ts'
import { framesOf, translateSample } from '../../bench/in-process.ts'
import { insertMeasured } from '../../bench/page.ts'
import { plot } from '../../bench/plot.ts'
import { type BenchProtocol, passthroughJob, protocolScripts, translatedJob } from '../../bench/protocols.ts'
import { describeRounds, isSteady, measureRounds, measureSets, median, midmean } from '../../bench/rounds.ts'
import { isBroken, type Row, render, type Table } from '../../bench/table.ts'
import { loadText } from '../../src/config/load.ts'

const limits = { minRounds: 4, maxRounds: 8, maxMilliseconds: 60_000, tolerance: 0.05 }

/** Scripted figures of each contender, one for each round. The last figure repeats. */
const scripted = (script: Record<string, number[]>) => {
  const order: string[] = []
  const measure = async ({ name }: { name: string }) => {
    const round = order.filter(other => other === name).length
    order.push(name)
    return { cpu: script[name]!.at(round) ?? script[name]!.at(-1)! }
  }
  return { order, measure, contenders: Object.keys(script).map(name => ({ name })) }
}

describe('rounds', () => {
  test('a figure is steady when it no longer falls', () => {
    expect(isSteady([30, 29, 29], 0.05)).toBe(true)
    expect(isSteady([60, 30, 29, 35], 0.05)).toBe(true)
    expect(isSteady([30, 25, 25], 0.05)).toBe(false)
    expect(isSteady([30, 30], 0.05)).toBe(false)
  })

  test('the median does not mutate its input', () => {
    const values = [3, 1, 2]
    expect(median(values)).toBe(2)
    expect(values).toEqual([3, 1, 2])
  })

  test('the mean of the middle half ignores outliers', () => {
    expect(midmean([10, 900, 11, 12, 13, 1, 14, 25, 2])).toBe(12)
    expect(midmean([0, 4, 6, 99])).toBe(5)
    expect(midmean([1, 2])).toBe(1.5)
  })

  test('each set of processes is started, measured in turn and stopped before the next', async () => {
    const events: string[] = []
    let at = 0
    const start = async () => {
      events.push('start')
      at++
      return [{ name: 'nginx' }, { name: 'gateway' }]
    }
    const measure = async ({ name }: { name: string }) => {
      events.push(name)
      return { cpu: name === 'nginx' ? 10 : at * 10 }
    }
    const stop = async () => void events.push('stop')
    const steady = await measureSets({ sets: 2, rounds: 2, start, stop }, measure)
    const set = ['start', 'nginx', 'gateway', 'nginx', 'gateway', 'stop']
    expect(events).toEqual([...set, ...set])
    expect([steady.figures.get('nginx'), steady.figures.get('gateway')]).toEqual([{ cpu: 10 }, { cpu: 15 }])
    expect(steady.rounds).toBe(4)
    expect(steady.sets?.map(set => set.get('gateway'))).toEqual([{ cpu: 10 }, { cpu: 20 }])
    expect(describeRounds('frames', steady)).toBe('frames: 4 rounds in 2 processes of each (1.00, 2.00)')
  })

  test('a set that cannot be measured is stopped nevertheless', async () => {
    let stopped = 0
    const start = async () => [{ name: 'gateway' }]
    const stop = async () => void stopped++
    const measure = () => Promise.reject(new Error('lost'))
    await expect(measureSets({ sets: 2, rounds: 2, start, stop }, measure)).rejects.toThrow('lost')
    expect(stopped).toBe(1)
  })

  test('contenders are measured in turn until the last of them is steady', async () => {
    const { order, measure, contenders } = scripted({ nginx: [10], gateway: [90, 60, 40, 30, 29, 28] })
    const { figures, rounds, settled } = await measureRounds(contenders, 'cpu', measure, limits)
    expect({ rounds, settled }).toEqual({ rounds: 6, settled: true })
    expect(order.slice(0, 4)).toEqual(['nginx', 'gateway', 'nginx', 'gateway'])
    expect([figures.get('nginx'), figures.get('gateway')]).toEqual([{ cpu: 10 }, { cpu: 29 }])
  })

  test('a figure that never stops falling ends at maxRounds and counts as not settled', async () => {
    const { measure, contenders } = scripted({ gateway: [900, 800, 700, 600, 500, 400, 300, 200, 100] })
    const { rounds, settled } = await measureRounds(contenders, 'cpu', measure, limits)
    expect({ rounds, settled }).toEqual({ rounds: 8, settled: false })
  })

  test('after maxMilliseconds no round begins, except to reach minRounds', async () => {
    const { measure, contenders } = scripted({ gateway: [900, 800, 700, 600, 500] })
    const { rounds } = await measureRounds(contenders, 'cpu', measure, { ...limits, maxMilliseconds: 0 })
    expect(rounds).toBe(4)
  })
})

const row = (values: Row['values'], ceiling?: Row['ceiling']): Row => ({
  label: 'CPU',
  unit: 'µs',
  values,
  isPlotted: true,
  ...(ceiling && { ceiling }),
})
const table = (...rows: Row[]): Table => ({
  title: 'A < B',
  about: 'About.',
  columns: ['nginx', 'bare Bun', 'gateway'],
  rows,
})

describe('ceilings', () => {
  test.each([
    ['held by a ratio', row([10, 15, 20], { ratio: 2 }), false],
    ['broken by a ratio', row([10, 15, 20.1], { ratio: 2 }), true],
    ['without nginx not judged', row([undefined, 15, 20], { ratio: 2 }), undefined],
    ['held by a figure', row([undefined, undefined, 60], { max: 60 }), false],
    ['broken by a figure', row([undefined, undefined, 61], { max: 60 }), true],
    ['broken by no figure', row([10, 15, Number.NaN], { ratio: 2 }), true],
    ['none', row([1, 2, 3]), undefined],
  ])('isBroken judges a ceiling: %s', (_, rowUnderTest, expected) => expect(isBroken(rowUnderTest)).toBe(expected))
})

describe('rendering', () => {
  test('a table omits its empty columns', () => {
    const lines = render(table(row([10, undefined, 20], { ratio: 2 }), row([undefined, undefined, 1234]))).split('\n')
    expect(lines.slice(4)).toEqual([
      '|   | nginx | gateway | gateway ÷ nginx | ceiling |',
      '| --- | --: | --: | --: | --: |',
      '| CPU | 10.0 µs | 20.0 µs | 2.00 | 2 × held |',
      '| CPU | – | 1,234 µs |  |  |',
      '',
    ])
  })

  test('the prose of the page stays', async () => {
    const page = await Bun.file(new URL('../../docs/performance.md', import.meta.url)).text()
    const [before, after] = [insertMeasured(page, 'one'), insertMeasured(insertMeasured(page, 'two'), 'one')]
    expect(after).toBe(before)
    expect(before.startsWith(page.slice(0, page.indexOf('<!-- measured')))).toBe(true)
    expect(() => insertMeasured('no marks', 'one')).toThrow('marks')
  })

  test('the chart has a bar for every value', () => {
    const svg = plot([table(row([10, 15, 20]), row([undefined, undefined, 5]), { ...row([1]), label: 'A < B' })])
    expect(svg.match(/<rect [^>]*height="15"/g)).toHaveLength(5)
    expect(svg).toContain('A &lt; B')
    expect(svg.match(/NaN|undefined/)).toBeNull()
  })
})

describe('streams', () => {
  const protocols = Object.keys(protocolScripts) as BenchProtocol[]
  const count = (text: string, piece: string) => text.split(piece).length - 1

  test.each(protocols)(
    "%s: the vendor's stream has as many frames as its clients expect, and its end mark",
    protocol => {
      const { stream, frameSeparator, endMark } = protocolScripts[protocol]
      const { leadingFrames, trailingFrames } = passthroughJob(protocol)
      expect([stream.opening, stream.closing].map(text => count(text, frameSeparator))).toEqual([
        leadingFrames,
        trailingFrames,
      ])
      expect(stream.wordFrames.map(word => count(word, frameSeparator))).toEqual(stream.wordFrames.map(() => 1))
      expect(stream.closing.slice(-500)).toContain(endMark)
      expect(framesOf(stream.opening + stream.wordFrames.join('') + stream.closing)).toHaveLength(
        leadingFrames + stream.wordFrames.length + trailingFrames,
      )
    },
  )

  const pairs = protocols.flatMap(client =>
    protocols.filter(vendor => vendor !== client).map(vendor => [client, vendor] as const),
  )
  test.each(pairs)('%s ← %s: a translated stream has as many frames as expected, with every word', (client, vendor) => {
    const text = translateSample(client, vendor)
    const { leadingFrames, trailingFrames } = translatedJob(client)
    const { wordFrames } = protocolScripts[vendor].stream
    expect(count(text, '\n\n')).toBe(leadingFrames + wordFrames.length + trailingFrames)
    expect([...text.matchAll(/"(?:content|text)":"(\w+) "/g)].map(([, word]) => word).join(' ')).toContain(
      'The quick brown fox',
    )
    expect(text.slice(-500)).toContain(protocolScripts[client].endMark)
  })
})

const everything: GatewayOptions = { keys: 100, hasLimits: true, log: 'file' }
test.each([
  ['everything', everything],
  ['a vendor of Messages', { ...everything, service: 'claude' } satisfies GatewayOptions],
  ['a vendor of Gemini', { ...everything, service: 'gemini' } satisfies GatewayOptions],
  ['nothing', { keys: 0, hasLimits: false, log: 'none' } satisfies GatewayOptions],
])('the gateway accepts its benchmark configuration with %s', (_, options) => {
  const { problems } = loadText(JSON.stringify(gatewayConfig('http://127.0.0.1:1', 9090, options)), {})
  expect(problems.filter(({ level }) => level === 'error')).toEqual([])
})
