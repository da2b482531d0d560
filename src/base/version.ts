/** What this build is. `COMMIT` is set by the build; from source there is none. */
import manifest from '../../package.json' with { type: 'json' }

declare const COMMIT: string | undefined

export const version: string = manifest.version
export const commit: string = typeof COMMIT === 'string' ? COMMIT : 'source'
