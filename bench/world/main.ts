/** `npm run bench -- world …`: seeded worlds of free vendors in front of which a gateway has to answer. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endProcess, launch, linesOf } from '../processes.ts'
import { bun, root, unboundedEnv } from '../servers.ts'
import { type ClientProtocol, clientProtocols } from './client-protocols.ts'
import { figuresOf, idealFigures, type Judged, judge } from './figures.ts'
import { type GatewayChoice, startGatewayUnderTest, vendorsOf } from './gateway.ts'
import type { PlayJob, PlayReady, PlayResult } from './play.ts'
import { renderWorld } from './report.ts'
import { type World, worldsNamed } from './worlds.ts'

export const worldUsage = `npm run bench -- world [OPTIONS]
  --world NAME     standard (default), chinese, abroad, rough; refusing, exhausted, unreachable, hanging;
                   or other: all but standard
  --seed N         the first seed (1)
  --seeds K        how many seeds, all at once (10)
  --seconds S      instead of the world's own length
  --clock real     the only clock so far
  --gateway PATH   a checkout of this repository (default: this one), or its executable
  --writer MODULE  a module that configures and starts another gateway (ConfigWriter in bench/world/gateway.ts)
  --client-protocol P  openai-chat (default), anthropic, openai-responses, gemini; or all: in turn
  --model NAME     what the clients ask for: world (default), which all vendors serve, or random
  --patience S     seconds after which a client leaves (60)
  --logs DIR       keeps configurations, logs and results there`

type Options = GatewayChoice & {
  worlds: World[]
  seeds: number[]
  seconds?: number
  protocol: ClientProtocol | 'all'
  model: string
  patience: number
}

const positive = (name: string, text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} ${text} is no positive number`)
  return value
}

/** Undefined if the usage is asked for. @throws Error with what is wrong. */
export const readWorldOptions = (args: string[]): Options | undefined => {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
  const { values } = parseArgs({
    args,
    options: {
      world: text('standard'),
      seed: text('1'),
      seeds: text('10'),
      seconds: { type: 'string' },
      clock: text('real'),
      gateway: text(root),
      writer: { type: 'string' },
      'client-protocol': text('openai-chat'),
      model: text('world'),
      patience: text('60'),
      logs: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return undefined
  if (values.clock !== 'real')
    throw new Error(`--clock ${values.clock}: the gateway's process has no other clock than real`)
  const protocol = [...clientProtocols, 'all' as const].find(name => name === values['client-protocol'])
  if (!protocol) throw new Error(`--client-protocol ${values['client-protocol']}: ${clientProtocols.join(', ')} or all`)
  const first = positive('seed', values.seed)
  return {
    worlds: worldsNamed(values.world),
    seeds: Array.from({ length: positive('seeds', values.seeds) }, (_, at) => first + at),
    ...(values.seconds !== undefined && { seconds: positive('seconds', values.seconds) }),
    gateway: values.gateway,
    ...(values.writer !== undefined && { writer: values.writer }),
    ...(values.logs !== undefined && { logs: values.logs }),
    protocol,
    model: values.model,
    patience: positive('patience', values.patience),
  }
}

/** Starts a world and a gateway, runs all requests, and ends both. */
const runSeed = async (world: World, seed: number, options: Options): Promise<PlayResult> => {
  const { protocol, model, patience, seconds = world.seconds } = options
  const job: PlayJob = { world: world.name, seed, seconds, protocol, model, patience }
  const player = launch([bun, join(root, 'bench/world/play.ts'), JSON.stringify(job)], {
    stdout: 'pipe',
    env: unboundedEnv,
  })
  try {
    const lines = linesOf(player)
    const nextLine = async (): Promise<string> => {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the vendors of seed ${seed} ended early`)
      return value
    }
    const ready = JSON.parse(await nextLine()) as PlayReady
    const gateway = await startGatewayUnderTest(options, `${world.name}-${seed}`, {
      vendors: vendorsOf(world.vendors(seed), ready.urls),
      model: 'world',
      settings: world.settings ?? {},
    })
    try {
      await fetch(`http://127.0.0.1:${ready.port}/`, { method: 'POST', body: gateway.url, proxy: false } as RequestInit)
      return JSON.parse(await nextLine()) as PlayResult
    } finally {
      await gateway.stop()
    }
  } finally {
    await endProcess(player)
  }
}

const runOneWorld = async (world: World, options: Options): Promise<Judged[]> => {
  const runs = await Promise.all(options.seeds.map(seed => runSeed(world, seed, options)))
  const shortened = { ...world, seconds: options.seconds ?? world.seconds }
  const ideal = world.failure ? { answered: 0 } : idealFigures(shortened, options.seeds)
  const judged = judge(world, figuresOf(world, runs), ideal)
  const text = renderWorld(world, runs, ideal, judged)
  console.log(text)
  if (options.logs) {
    await Bun.write(join(options.logs, `${world.name}.json`), JSON.stringify(runs))
    await Bun.write(join(options.logs, `${world.name}.md`), text)
  }
  return judged
}

/** Runs the worlds one after another, their seeds at once. @returns the exit code: 1 if an aim is missed. */
export const runWorlds = async (args: string[]): Promise<number> => {
  let options: Options | undefined
  try {
    options = readWorldOptions(args)
  } catch (error) {
    console.error(`${(error as Error).message}\n${worldUsage}`)
    return 2
  }
  if (!options) {
    console.error(worldUsage)
    return 0
  }
  let missed = 0
  for (const world of options.worlds)
    missed += (await runOneWorld(world, options)).filter(({ isReached }) => isReached === false).length
  return missed > 0 ? 1 : 0
}
