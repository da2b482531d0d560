/** The version of this build. The build script sets `COMMIT`; when run from source it is absent. */
import manifest from '../../package.json' with { type: 'json' }

declare const COMMIT: string | undefined

export const version: string = manifest.version
export const commit: string = typeof COMMIT === 'string' ? COMMIT : 'source'
