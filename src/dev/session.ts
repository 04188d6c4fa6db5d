import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createColors } from 'picocolors';
import { folderReader } from '../config/folder-reader.ts';
import { type LoadedApp, loadAppSpec } from '../config/load.ts';
import { nearest } from '../config/nearest.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import { WireError } from '../wire/server.ts';
import type { AccessoryHost, AccessoryStart } from './accessories.ts';
import { localAddresses } from './addresses.ts';
import { type DevCertificate, ensureCertificate } from './certificate.ts';
import { settled } from './listening.ts';
import { openDevLog } from './log.ts';
import { type DevPlace, devPlace, endLeftovers, holdPlace } from './place.ts';
import { installAll, missingError, type Prepared, prepareService, procfileExtras, type Surroundings } from './prepare.ts';
import type { DevProxy } from './proxy.ts';
import { words } from './service.ts';
import { linkedServices, openStackProxy, type Stack, startStack } from './stack.ts';
import { columns, openAt, summaryRows, url } from './summary.ts';
import { developmentView } from './view.ts';
import { watchPaths } from './watch.ts';

/** Where a session speaks; what the command line's terminal offers. */
export interface DevTerminal {
  readonly json: boolean;
  readonly color: boolean;
  /** A line for people; with `json` dropped. */
  say(text: string): void;
  /** One line of JSON; without `json` dropped. */
  result(value: unknown): void;
}

export interface DevOptions {
  /** Absolute. */
  readonly folder: string;
  /** Undefined: 3080 or the next free one. 0: any. */
  readonly port?: number;
  /** Undefined: all. */
  readonly only?: readonly string[];
  readonly install: boolean;
  readonly home: string;
  readonly shell: Readonly<Record<string, string>>;
  readonly terminal: DevTerminal;
  /** The compiled proxy. */
  readonly proxyProgram: string;
  /** False: `--no-accessories`; what refers to them has to come from elsewhere. */
  readonly accessories: boolean;
  readonly showSecrets: boolean;
  /** Serves HTTPS, too, with certificates of the installation's local authority. */
  readonly https: boolean;
  /** Folder of that authority. */
  readonly authority: string;
  /** Starts them, and ends what a killed session left of others; null where none is left to start. */
  readonly startAccessories: (request: AccessoryRequest) => Promise<AccessoryHost | null>;
  /** Resolves when it shall end, be it while it starts. */
  readonly ended: Promise<void>;
}

export interface AccessoryRequest extends AccessoryStart {
  readonly place: DevPlace;
  readonly shell: Readonly<Record<string, string>>;
}

/** A stack that runs, until it is told to end. */
export interface Session {
  /** Resolves when nothing is left. */
  end(): Promise<void>;
  /** Whatever still runs while it ends is killed. */
  hurry(): Promise<void>;
  readonly url: string;
}

const presetPort = 3080;
const othersTried = 50;
const graceMs = 5000;

/**
 * Brings the whole stack of a repository up in its working folder.
 * @throws DEV_RUNNING, VARIABLE_MISSING, DEV_NOT_INSTALLED, CONFIG_INVALID, NOTHING_DETECTED, PORT_IN_USE, WRONG_USAGE; then nothing of it is left.
 */
export async function openSession(options: DevOptions): Promise<Session> {
  const { terminal } = options;
  const startedAt = performance.now();
  const root = appRoot(options.folder);
  const loaded = await loadAppSpec(folderReader(root));
  const view = developmentView(loaded.spec, { accessories: options.accessories });
  const wanted = chosen(view.services, options.only);
  const leftOut = view.services.filter((service) => !wanted.includes(service));
  const paint = createColors(terminal.color && !terminal.json);
  const log = openDevLog({
    sources: [...view.services, ...view.accessories].map(({ name }) => name as string).concat('proxy', 'dev'),
    paint,
    json: terminal.json,
    now: () => new Date(),
    write: (text) => (terminal.json ? terminal.result(JSON.parse(text)) : terminal.say(text)),
  });
  const place = devPlace(options.home, loaded.spec.app, root);
  const held = await holdPlace(place);
  if ('holder' in held) {
    const { holder } = held;
    const where = holder?.url === undefined ? '' : ` at ${holder.url}`;
    throw new SignalboxError(
      'DEV_RUNNING',
      `signalbox dev runs already for ${root}${holder === null ? '' : `: process ${holder.process.pid}${where}`}.`,
      { details: holder === null ? {} : { pid: holder.process.pid, ...(holder.url === undefined ? {} : { url: holder.url }) } },
    );
  }

  let proxy: DevProxy | undefined;
  let stack: Stack | undefined;
  let accessories: AccessoryHost | null = null;
  let starting: Promise<AccessoryHost | null> | undefined;
  let installing: { end(graceMs: number): Promise<void> } | undefined;
  let ending: Promise<void> | undefined;
  let hurried = false;
  const hurry = settled();
  const closers: (() => void)[] = [];
  const end = async (): Promise<void> => {
    const grace = hurried ? 0 : graceMs;
    for (const close of closers) close();
    await installing?.end(grace);
    await stack?.end(grace);
    // Also those that only just start. Their keeper ends processes in order whether anybody waits or not.
    const beside = await starting?.catch(() => null);
    const patience = (): Promise<void> => wait(beside?.hurriedMs ?? 0, undefined, { ref: false });
    await Promise.race([beside?.end(), hurry.promise.then(patience)]);
    await proxy?.close();
    await endLeftovers(place);
    held.release();
  };
  const session = {
    end: (): Promise<void> => {
      ending ??= end();
      return ending;
    },
    hurry: async (): Promise<void> => {
      hurried = true;
      hurry.settle();
      await endLeftovers(place, 0);
    },
  };
  const isEnding = (): boolean => ending !== undefined;
  void options.ended.then(() => session.end());

  const bringUp = async (): Promise<string> => {
    const left = await endLeftovers(place);
    if (left > 0) log.note('dev', `ended ${left} ${left === 1 ? 'process' : 'processes'} that an earlier run left behind`);
    const slots = linkedServices([...wanted, ...leftOut]);
    const around: Surroundings = {
      root,
      environment: view.own,
      environmentName: view.environment,
      app: loaded.spec.app,
      shell: options.shell,
      urlOf: (service) => `http://127.0.0.1:${proxy?.linkPorts[slots.indexOf(service)] ?? 0}`,
      accessories: () => accessories,
      accessoryNames: view.accessories.map(({ name }) => name),
      colour: paint.isColorSupported,
    };
    const prepared: Prepared[] = [];
    for (const service of wanted)
      prepared.push(await prepareService(service, around, { install: options.install, installed: installedIn(options.shell) }));
    prepared.push(...prepared.flatMap((one) => procfileExtras(one, view.services)));
    const missing = prepared.filter((one) => one.missing.length > 0);
    if (missing.length > 0)
      throw missingError(missing.map(({ spec, missing: names }) => ({ service: spec.name, missing: names })));

    const addresses = localAddresses([...wanted, ...leftOut]);
    const trust = options.https ? await ensureCertificate(options.authority, { place, hosts: addresses.hosts }) : undefined;
    proxy = await openProxy(options, {
      app: loaded.spec.app,
      place,
      services: [...wanted, ...leftOut],
      addresses,
      log,
      ...(trust === undefined ? {} : { certificates: trust.folder }),
    });
    await installAll(
      prepared.flatMap(({ installation }) => installation ?? []),
      { log, place, env: { ...options.shell }, ended: isEnding, onProgram: (program) => (installing = program) },
    );
    if (isEnding()) return '';
    starting = options.startAccessories({
      app: loaded.spec.app,
      specs: view.accessories,
      place,
      log,
      shell: options.shell,
      showSecrets: options.showSecrets,
      ended: isEnding,
      over: options.ended,
    });
    accessories = await starting;
    if (isEnding()) return '';
    const address = url(addresses.hosts[0] ?? 'localhost', proxy.port);
    const summary = { services: prepared, leftOut, addresses, accessories };
    announce(terminal, {
      app: loaded.spec.app,
      address,
      shown: openAt(addresses, proxy.port),
      rows: summaryRows(summary),
      loaded,
      place,
      proxy,
      paint,
      trust,
    });
    for (const { spec, notes } of prepared) for (const note of notes) log.note(spec.name, note);
    held.tell(address);
    stack = await startStack({
      app: loaded.spec.app,
      root,
      services: prepared,
      leftOut,
      accessories,
      place,
      proxy,
      log,
      addresses,
    });
    const configs = watchPaths({
      paths: ['signalbox.yaml', 'signalbox.yml'].map((name) => join(root, name)),
      ignored: () => false,
      onChange: () => log.note('dev', 'signalbox.yaml changed; stop and start signalbox dev to follow it'),
      onTrouble: () => {},
    });
    closers.push(() => configs.close());
    const running = stack;
    void running.settled.then(
      () => {
        if (isEnding()) return;
        const down = running.down();
        const time = words(performance.now() - startedAt);
        if (down.length === 0) log.note('dev', `everything is up after ${time}: ${address}`, 'good');
        else
          log.note('dev', `${down.join(', ')} ${down.length === 1 ? 'does' : 'do'} not run; the rest is up: ${address}`, 'bad');
        terminal.result({ ready: down.length === 0, down, url: address });
      },
      (cause: unknown) => log.note('dev', `Not everything could be started: ${String(cause)}`, 'bad'),
    );
    return address;
  };
  try {
    const address = await bringUp();
    return { ...session, url: address };
  } catch (cause) {
    await session.end();
    throw cause;
  }
}

/** The nearest folder above with a signalbox.yaml, else the folder itself. */
function appRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (['signalbox.yaml', 'signalbox.yml'].some((name) => existsSync(join(at, name)))) return at;
    if (existsSync(join(at, '.git')) || at === dirname(at)) return folder;
  }
}

/** @throws WRONG_USAGE */
function chosen(services: readonly ServiceSpec[], only: readonly string[] | undefined): readonly ServiceSpec[] {
  if (only === undefined) return services;
  for (const name of only) {
    if (services.some((service) => service.name === name)) continue;
    const names = services.map((service) => service.name as string);
    const meant = nearest(name, names);
    throw new SignalboxError(
      'WRONG_USAGE',
      `--only names ${name}, and there is no such service; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`,
      meant === undefined ? {} : { hint: `Did you mean ${meant}?` },
    );
  }
  return services.filter(({ name }) => only.includes(name));
}

const installedIn =
  (shell: Readonly<Record<string, string>>) =>
  (program: string): boolean =>
    (shell['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));

/** @throws PORT_IN_USE, PROGRAM_FAILED */
async function openProxy(
  { port, proxyProgram }: DevOptions,
  of: Omit<Parameters<typeof openStackProxy>[0], 'program' | 'port' | 'others'>,
): Promise<DevProxy> {
  try {
    return await openStackProxy({
      ...of,
      program: proxyProgram,
      port: port ?? presetPort,
      others: port === undefined ? othersTried : 0,
    });
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new SignalboxError(cause.code === 'PORT_TAKEN' ? 'PORT_IN_USE' : 'PROGRAM_FAILED', cause.message, {
      cause,
      hint: 'Choose another port with --port, or leave the option out to get the next free one.',
    });
  }
}

function announce(
  terminal: DevTerminal,
  of: {
    readonly app: string;
    readonly address: string;
    readonly shown: string;
    readonly rows: readonly (readonly string[])[];
    readonly loaded: LoadedApp;
    readonly place: DevPlace;
    readonly proxy: DevProxy;
    readonly paint: ReturnType<typeof createColors>;
    readonly trust: DevCertificate | undefined;
  },
): void {
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
