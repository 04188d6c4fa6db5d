import type { createColors } from 'picocolors';
import type { LoadedApp } from '../config/load.ts';
import type { DevCertificate } from './certificate.ts';
import type { DevLog } from './log.ts';
import type { DevTerminal } from './options.ts';
import type { DevPlace } from './place.ts';
import type { DevProxy } from './proxy.ts';
import { words } from './service.ts';
import type { Stack } from './stack.ts';
import { columns } from './summary.ts';

export interface Announcement {
  readonly app: string;
  readonly address: string;
  readonly shown: string;
  readonly rows: readonly (readonly string[])[];
  readonly loaded: LoadedApp;
  readonly place: DevPlace;
  readonly proxy: DevProxy;
  readonly paint: ReturnType<typeof createColors>;
  readonly trust: DevCertificate | undefined;
}

/** What runs where, before it is up. */
export function announce(terminal: DevTerminal, of: Announcement): void {
  const { app, address, shown, rows, loaded, place, proxy, paint, trust } = of;
  const { port, httpsPort } = proxy;
  terminal.result({ url: address, port, https: httpsPort, pid: process.pid, data: place.root });
  const how = loaded.origin === 'file' ? '' : ' (detected; `signalbox init` writes it down)';
  terminal.say(`${paint.bold(app)}${how}  ${paint.cyan(shown)}`);
  for (const line of columns(rows)) terminal.say(`  ${line}`);
  if (proxy.wanted !== 0 && proxy.port !== proxy.wanted)
    terminal.say(paint.yellow(`  Port ${proxy.wanted} is taken, so it is ${proxy.port}.`));
  if (trust !== undefined && httpsPort !== null) {
    terminal.say(`  https  ${address.replace(/^http:(.*?)(?::\d+)?$/, `https:$1:${httpsPort}`)}`);
    terminal.say(paint.dim(`         trust ${trust.authorityFile} once, in the browser or the system`));
  }
  terminal.say(paint.dim('  Ctrl-C stops everything.'));
  terminal.say('');
}

/** Says when everything is up, or what is not. */
export function announceReady(
  stack: Stack,
  of: {
    readonly terminal: DevTerminal;
    readonly log: DevLog;
    readonly address: string;
    /** Of `performance.now()`. */
    readonly startedAt: number;
    readonly isEnding: () => boolean;
  },
): void {
  const { terminal, log, address, startedAt, isEnding } = of;
  void stack.settled.then(
    () => {
      if (isEnding()) return;
      const down = stack.down();
      const time = words(performance.now() - startedAt);
      if (down.length === 0) log.note('dev', `everything is up after ${time}: ${address}`, 'good');
      else log.note('dev', `${down.join(', ')} ${down.length === 1 ? 'does' : 'do'} not run; the rest is up: ${address}`, 'bad');
      terminal.result({ ready: down.length === 0, down, url: address });
    },
    (cause: unknown) => log.note('dev', `Not everything could be started: ${String(cause)}`, 'bad'),
  );
}
