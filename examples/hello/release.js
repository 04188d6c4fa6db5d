/** What distinguishes one version of this app from the next. Everything else stays as it is. */
export const version = 'v1'

/**
 * The line a visitor reads.
 * @param {number} visit counts page views since the process started, from 1
 */
export function greeting(visit) {
  return visit === 1 ? 'Hello, first visitor' : 'Hello, world'
}
