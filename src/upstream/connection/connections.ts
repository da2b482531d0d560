/**
 * What the calls to vendors share and what outlives each of them. Bun keeps one pool of idle connections for a process,
 * so runtimes that replace each other, or that call the same vendors, share one object.
 */
import { type ConnectProbe, createConnectProbe } from './connect-probe.ts'
import { createIdleConnections, type IdleConnections } from './idle-connections.ts'

export type VendorConnections = {
  connectProbe: ConnectProbe
  idleConnections: IdleConnections
}

export const createVendorConnections = (): VendorConnections => ({
  connectProbe: createConnectProbe(),
  idleConnections: createIdleConnections(),
})
