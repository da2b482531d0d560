/** Files that are imported for their path only. */
declare module '*/standalone.js' {
  const path: string
  export default path
}
