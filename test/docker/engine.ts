import { existsSync } from 'node:fs';

/** Where a Docker engine for tests listens; set by whoever runs them (`npm test` and CI start one where they can). */
const variable = 'SIGNALBOX_TEST_DOCKER_HOST';
const start = `DIR=$(mktemp -d) && export ${variable}=unix://$(node scripts/docker-engine.js start $DIR --stand-ins | tail -1)`;

export interface TestEngine {
  /** E.g. `unix:///tmp/engine/docker.sock`. */
  readonly host: string;
  /** Path of its socket. */
  readonly socket: string;
}

/**
 * The engine that tests may use, or why there is none and how to get one. It may be shared: a test removes what it made, by label or name,
 * and never stops or prunes it.
 */
export function testEngine(): TestEngine | { readonly missing: string } {
  const host = process.env[variable] ?? '';
  if (host === '') return { missing: `no Docker engine for tests (as root, with docker.io, iptables and debootstrap): ${start}` };
  const socket = host.replace(/^unix:\/\//, '');
  return existsSync(socket)
    ? { host: `unix://${socket}`, socket }
    : { missing: `${variable} names ${socket}, which is not there: ${start}` };
}
