import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createColors } from 'picocolors';
import { folderReader } from '../config/folder-reader.ts';
import { loadAppSpec } from '../config/load.ts';
import { SignalboxError } from '../domain/errors.ts';
import { WireError } from '../wire/server.ts';
import type { AccessoryHost } from './accessories.ts';
import { localAddresses } from './addresses.ts';
import { announce, announceReady } from './announce.ts';
import { ensureCertificate } from './certificate.ts';
import { endLeftContainers } from './containers/left-over.ts';
import { fileEventsIn } from './file-events.ts';
import { installAll } from './install-all.ts';
import { settled } from './listening.ts';
import { openDevLog } from './log.ts';
import type { DevOptions } from './options.ts';
import { devPlace, endLeftovers, holdPlace } from './place.ts';
import { missingError, type Prepared, prepareService, procfileExtras, type Surroundings } from './prepare.ts';
import type { DevProxy } from './proxy.ts';
import { linkedServices, openStackProxy, type Stack, startStack } from './stack.ts';
import { openAt, summaryRows, url } from './summary.ts';
import { developmentView } from './view.ts';
import { watchPaths } from './watch.ts';
import { appRoot, chosen } from './which.ts';
import { processWorkplaces, type Workplaces } from './workplace.ts';

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
  let workplaces: Workplaces | undefined;
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
    await workplaces?.close();
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
    if (!(await endLeftContainers(place)))
      log.note('dev', 'Containers of an earlier run may be left: the engine that they ran on does not answer.', 'bad');
    workplaces =
      (await options.containers?.({
        spec: loaded.spec,
        app: loaded.spec.app,
        root,
        folders: wanted.map(({ path }) => join(root, path)),
        place,
        log,
        shell: options.shell,
        hosts: () => accessories?.hosts() ?? {},
        over: options.ended,
      })) ?? processWorkplaces(options.shell);
    const events = await fileEventsIn(root);
    if (events.note !== undefined) log.note('dev', events.note);
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
      presets: events.variables,
    };
    const prepared: Prepared[] = [];
    for (const service of wanted) prepared.push(await prepareService(service, around, { install: options.install, workplaces }));
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
    await workplaces.open(prepared.filter(({ idle }) => !idle).map(({ workplace }) => workplace));
    await installAll(prepared, { log, place, ended: isEnding, onProgram: (program) => (installing = program) });
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
    announceReady(stack, { terminal, log, address, startedAt, isEnding });
    return address;
  };
  try {
    const address = await bringUp();
    return { ...session, url: address };
  } catch (cause) {
    // Who has asked for the end is not told that something was cut off by it.
    const asked = isEnding();
    await session.end();
    if (asked) return { ...session, url: '' };
    throw cause;
  }
}

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
