import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { RouteTable } from '../../src/domain/route-table.ts';
import { defaultLimits } from '../../src/proxy/limits.ts';
import type { ProxyEvents, ProxyMethods, WorkerConfig } from '../../src/proxy/protocol.ts';
import { connectWire, type WireClient } from '../../src/wire/client.ts';
import { waitFor } from '../kit/processes.ts';
import { checkoutRoot } from '../load/program.ts';
import { bindTcp } from './bind.ts';
import { end, type Running } from './peer.ts';

export interface EmbeddedProxy extends Running {
  readonly control: WireClient<ProxyMethods, ProxyEvents>;
  commit(table: RouteTable): Promise<void>;
}

/** Starts one worker of the embedded data plane by itself, as the keeper does: it inherits a bound socket. */
export async function startEmbedded(folder: string): Promise<EmbeddedProxy> {
  const program = await compiledWorker();
  await mkdir(folder, { recursive: true });
  const listener = bindTcp('127.0.0.1');
  const config: WorkerConfig = {
    name: 'bench',
    dir: folder,
    controlSocket: join(folder, 'worker.sock'),
    listeners: [{ name: 'http', fd: 3, host: '127.0.0.1', port: listener.port }],
    trustedProxies: [],
    limits: defaultLimits,
  };
  const child = spawn(process.execPath, ['--max-semi-space-size=16', program, JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', listener.fd],
  });
  listener.close();
  const control = await waitFor('the proxy worker answering', 10_000, async () => {
    if (child.exitCode !== null) throw new Error(`the proxy worker ended with ${child.exitCode}`);
    return await connectWire<ProxyMethods, ProxyEvents>(config.controlSocket).catch(() => undefined);
  });
  return {
    name: 'signalbox',
    version: `node ${process.version}`,
    port: listener.port,
    pid: child.pid!,
    control,
    commit: async (table) => {
      await control.call('prepare', { epoch: table.epoch, pools: table.pools });
      await control.call('commit', { table }, 60_000);
    },
    stop: async () => {
      control.close();
      await end(child);
    },
  };
}

/** Bundled as the shipped one is (scripts/build.js), but beside it: a bench does not touch dist. */
async function compiledWorker(): Promise<string> {
  const root = checkoutRoot();
  const program = join(root, 'node_modules/.cache/signalbox-bench/proxy-worker.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['src/proxy/main.ts'],
    outfile: program,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
  return program;
}
