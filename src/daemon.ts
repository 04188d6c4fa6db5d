import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, systemIds } from './adapters/clock/system/clock.ts';
import { openEmbeddedDataPlane } from './adapters/data-plane/embedded/embedded.ts';
import { filePasswords } from './adapters/passwords/files/passwords.ts';
import { type Images, openImages } from './adapters/builder/docker/open.ts';
import { httpProber } from './adapters/prober/http/prober.ts';
import { openDockerRuntime } from './adapters/runtime/docker/runtime.ts';
import { openKeeper } from './adapters/runtime/process/keeper-calls.ts';
import { openProcessRuntime } from './adapters/runtime/process/runtime.ts';
import { accessoryObstacle } from './adapters/runtime/process/system/available.ts';
import { workRoot } from './adapters/runtime/process/work-root.ts';
import { gitSource } from './adapters/source/git/git-source.ts';
import { openTurns } from './adapters/source/git/turns.ts';
import { openSqliteStore } from './adapters/store/sqlite/store.ts';
import { startApi } from './api/server.ts';
import { dockerfile } from './blueprints/dockerfile.ts';
import { gatherImageFacts } from './blueprints/image/gather.ts';
import { detectSteps } from './config/detect/steps.ts';
import { homeLayout } from './config/home.ts';
import { ensureToken, makeHomeFolders } from './config/home-folders.ts';
import { loadAppSpec } from './config/load.ts';
import { forgetRuntime, keepRuntime } from './config/runtime-of-home.ts';
import { passphraseVariable } from './config/settings-secrets.ts';
import { loadSettings, processEnvironment, type Settings } from './config/settings.ts';
import { transportEnvironment } from './config/settings-forge.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import { createMask } from './control-plane/mask.ts';
import { endApps, endKeeper } from './daemon-end.ts';
import { fault, log, maskLog } from './daemon-log.ts';
import { availableMemory, placeWorkFolders } from './daemon-machine.ts';
import { openPushes } from './daemon-pushes.ts';
import { openForge } from './daemon-webhooks.ts';
import { openSecrets } from './daemon-secrets.ts';
import { SignalboxError } from './domain/errors.ts';
import type { ArtifactRef } from './domain/release.ts';
import { releaseUrls } from './domain/urls.ts';
import { environmentKey } from './domain/values.ts';
import { createHealthMonitor } from './monitor/health-monitor.ts';
import { openBuilder } from './pipeline/builder.ts';
import { builderOfBoth } from './pipeline/builders.ts';
import type { ImageFreezing } from './pipeline/freeze-images.ts';
import { createFreezer } from './pipeline/freezer.ts';
import { createRunPlanner } from './pipeline/plan-run.ts';
import { SharedBuilds } from './pipeline/shared-builds.ts';
import { stepLogs } from './pipeline/step-logs.ts';
import type { BuildResult } from './ports/builder.ts';
import { toolchainVersions } from './pipeline/toolchain.ts';

/**
 * The control plane as a program. Builds the adapters, wires them, and prints one line `{"http":..,"https":..,"api":..}` on stdout
 * once everything listens, or `{"error":{..}}` and exit code 1. Settings come from the environment (config/settings.ts).
 * SIGTERM and SIGINT end it and nothing else: keeper, proxy and instances go on. A shutdown through the API ends keeper and proxy too.
 */
const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const longestSocketFolder = 90;
const proxyNodeArgs = ['--max-semi-space-size=16'];

/** After a start that failed: keeper and proxy that serve nobody are not left behind. */
let putRight = (): Promise<void> => Promise.resolve();

async function start(): Promise<void> {
  const settings = loadSettings();
  const uid = process.getuid?.() ?? -1;
  const home = homeLayout(settings.home, uid);
  mkdirSync(home.root, { recursive: true, mode: 0o711 });
  const work = workRoot(home.root, { uid });
  placeWorkFolders(home, work);
  await makeHomeFolders(home, uid);
  const token = await ensureToken(home.apiToken);
  const mask = createMask();
  mask.learn([token]);
  maskLog(mask);
  const { [passphraseVariable]: _, ...environment } = processEnvironment();
  const searchPath = environment.PATH ?? '/usr/local/bin:/usr/bin:/bin';

  const store = await openSqliteStore({
    file: home.database,
    lockFile: home.lock,
    workerFile: program('./adapters/store/sqlite/worker.js'),
  });
  const { epoch, clockBase } = await store.acquire();
  keepRuntime(home.runtime, {
    wanted: settings.runtime,
    serves: (await store.environments()).some(({ arms }) => arms.length > 0),
  });
  const clock = systemClock(clockBase);
  const secrets = await openSecrets(settings.secrets, { home, clock });
  // Unix sockets want short paths; a home too deep for them keeps its table beside its sockets.
  const proxyDir = Buffer.byteLength(home.proxy) > longestSocketFolder ? join(home.run, 'proxy') : home.proxy;
  const homeId = createHash('sha256').update(home.root).digest('hex').slice(0, 12);
  const keeper = await openKeeper({
    config: { dir: join(home.root, 'keeper'), socket: home.keeperSocket, homeId, version, recordKey: home.recordKey },
    program: program('./keeper/main.js'),
    proxyDir,
    logFile: join(home.logs, 'keeper.log'),
    onTrouble: fault,
  });
  putRight = async () => {
    // The warden of containers is a program of ours: it serves nobody by itself.
    const instances = (await keeper.call('list', {})).instances.filter(({ labels }) => labels['program'] === undefined);
    const serves = (await store.environments()).some(({ arms }) => arms.length > 0);
    if (instances.length === 0 && !serves) await endKeeper(keeper, { epoch, all: true });
  };
  const dataPlane = await openEmbeddedDataPlane({
    keeper,
    epoch,
    dir: proxyDir,
    program: program('./proxy/main.js'),
    version,
    http: { host: settings.http.host, port: settings.http.port },
    https: {
      host: settings.http.host,
      port: settings.http.httpsPort,
      publicPort: settings.http.publicHttpsPort,
      certificates: home.certificates,
      required: (await readdir(home.certificates)).some((file) => file.endsWith('.key')),
      onTrouble: fault,
    },
    workers: settings.proxyWorkers,
    trustedProxies: settings.trustedProxies,
    limits: settings.edge,
    nodeArgs: proxyNodeArgs,
    logDir: home.logs,
  });
  const artifacts = join(work, 'artifacts');
  const persist = join(work, 'persist');
  const turns = openTurns();
  const source = gitSource({
    folder: home.sources,
    searchPath,
    turns,
    fetching: { plainHttp: settings.forge.plainLoopback, environment: transportEnvironment(environment) },
  });
  const shared = new SharedBuilds<BuildResult>();
  const folders = await openBuilder({ artifacts, logs: home.logs, source, clock, environment, shared });
  const images =
    settings.runtime === 'docker'
      ? await openImages({
          ...settings.docker,
          homeId,
          source,
          clock,
          folders: { records: home.images, logs: home.logs, incoming: join(home.incoming, 'images') },
          shared,
        })
      : null;
  const containers =
    images !== null
      ? openDockerRuntime({
          keeper,
          homeId,
          epoch,
          engineSocket: settings.docker.socket,
          folders: { warden: join(home.root, 'warden'), socket: join(home.run, 'warden.sock'), persist, logs: home.logs },
          program: program('./adapters/runtime/docker/warden/main.js'),
          recordKey: home.recordKey,
          links: () => dataPlane.links(),
          fetchImage: (artifact) => images.fetch(artifact),
        })
      : null;
  const runtime =
    containers ??
    openProcessRuntime({
      keeper,
      homeId,
      epoch,
      folders: { artifacts, work, persist, logs: home.logs },
      recordKey: home.recordKey,
      base: { path: searchPath, lang: environment.LANG ?? 'C.UTF-8' },
      mailCatcher: program('./mail-catcher/main.js'),
      onNote: (text) => log('info', text),
    });
  const builder = images === null ? folders : builderOfBoth({ folders, images: images.builder });
  const prober = httpProber();
  const freezer = createFreezer({
    source,
    builder,
    loadSpec: async (reader) => {
      const { spec, findings, origin } = await loadAppSpec(reader);
      return { spec, detected: origin === 'detected', notes: findings.filter((f) => f.kind === 'note').map((f) => f.text) };
    },
    versions: toolchainVersions(environment),
    secrets: secrets.secrets,
    ...(images === null ? {} : { images: imageFreezing(images, settings) }),
  });
  const logsOfSteps = stepLogs(home.logs);
  const planner = createRunPlanner({
    source,
    freezer,
    loadSpec: async (reader) => ({ spec: (await loadAppSpec(reader)).spec }),
    detectSteps: (reader, spec) => detectSteps(reader, spec),
  });
  const controlPlane = await startControlPlane({
    epoch,
    store,
    runtime,
    dataPlane,
    source,
    builder,
    freezer,
    planner,
    stepLogs: logsOfSteps,
    prober,
    clock,
    ids: systemIds(),
    createMonitor: (onChange) => createHealthMonitor({ runtime, prober, clock, onChange }),
    folderOf: (artifact: ArtifactRef) => join(artifacts, artifact.app, artifact.key, artifact.path),
    accessories: {
      runtime: settings.runtime,
      passwords: filePasswords(join(home.keys, 'accessories'), () => systemIds().secret()),
      obstacle: (spec) => (settings.runtime === 'docker' ? null : accessoryObstacle(spec, searchPath)),
    },
    secrets,
    mask,
    availableMemory,
    retention: {
      releasesPerEnvironment: settings.retention.releases,
      events: 100_000,
      artifacts: settings.retention.releases * 10,
      artifactBytes: settings.retention.artifactBytes,
    },
    onReplaced: (error) => {
      fault(error);
      process.exit(1);
    },
    onFault: fault,
  });
  const addresses = await dataPlane.addresses();
  const pushes = openPushes({
    controlPlane,
    store: store.atOnce,
    source,
    clock,
    dataPlane,
    sources: home.sources,
    searchPath,
    turns,
  });
  const forge = await openForge({
    epoch,
    store,
    source,
    clock,
    ids: systemIds(),
    keys: join(home.keys, 'forge'),
    plainLoopback: settings.forge.plainLoopback,
    version,
    feed: controlPlane.feed,
    receive: (update, say) => pushes.receive(update, say),
    addressOf: (release) => releaseUrls(release, addresses.http)[0] ?? null,
  });
  /** `handover`: only this program ends, as a new one will take over; the others go with the keeper and the proxy. */
  const stop = once(async (what: 'handover' | 'keeper' | 'instances') => {
    forge.stop();
    pushes.stop();
    await api.close();
    controlPlane.stop();
    await dataPlane.close().catch(fault);
    if (what === 'instances') {
      const declared = (await store.environments()).flatMap((one) =>
        controlPlane.declared(environmentKey(one.app, one.environment)).map(({ workload }) => workload),
      );
      const grace = new Map(declared.map((workload) => [workload.id, workload.grace]));
      await endApps({ keeper, runtime, epoch, grace, onFault: fault }).catch(fault);
      await containers?.endAll(epoch).catch(fault);
      forgetRuntime(home.runtime);
    }
    await Promise.allSettled([runtime.close(), prober.close(), images?.close()]);
    if (what !== 'handover') await endKeeper(keeper, { epoch, all: what === 'instances' });
    await store.close();
    keeper.close();
    process.exit(0);
  });
  await forge.start();
  const api = await startApi({
    commands: controlPlane.commands,
    store: store.atOnce,
    runtime,
    dataPlane,
    declared: (key) =>
      Promise.resolve(
        controlPlane.declared(key).map((d) => ({
          workload: d.workload.id,
          release: d.release,
          replicas: d.replicas,
          health: controlPlane.level(d.workload.id),
        })),
      ),
    onChange: (tell) => {
      const ends = [controlPlane.feed.onRollout(() => tell()), controlPlane.feed.onRun(() => tell())];
      return () => ends.forEach((end) => end());
    },
    onRunLine: (run, tell) => controlPlane.feed.onRunLine((line) => line.run === run && tell(line)),
    stepLogs: logsOfSteps,
    onRolloutLine: (rollout, tell) => controlPlane.feed.onLine((line) => line.rollout === rollout && tell(line)),
    ...(images === null ? {} : { doctor: () => images.check() }),
    certificates: (again) => dataPlane.certificates(again),
    git: (request, http) => pushes.serve(request, http),
    webhooks: forge.commands,
    shutdown: ({ instances }) => void stop(instances ? 'instances' : 'keeper'),
    mask,
    token,
    socketPath: home.apiSocket,
    host: settings.api.host,
    port: settings.api.port,
    version,
    home: home.root,
    incoming: home.incoming,
    onFault: fault,
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop('handover'));
  process.stdout.write(`${JSON.stringify({ ...addresses, api: api.port })}\n`);
  log('info', 'started', { version, epoch, ...addresses, api: api.port });
}

/** Services without a Dockerfile get one made for their stack; it has to do without what only BuildKit knows. */
const imageFreezing = (images: Images, { docker: { baseImages } }: Settings): ImageFreezing => ({
  pin: (image) => images.pin(image),
  dockerfileFor: async (service, { spec, commit }) => {
    const facts = await gatherImageFacts({ ...commit, folderName: spec.app }, spec, service.name);
    const base = facts.language === 'static' ? undefined : baseImages[facts.language];
    return { context: facts.context, text: dockerfile(facts, base === undefined ? {} : { base }) };
  },
});

function once<Argument>(work: (argument: Argument) => Promise<void>): (argument: Argument) => Promise<void> {
  let begun: Promise<void> | undefined;
  return (argument) =>
    (begun ??= work(argument).catch((error: unknown) => {
      fault(error);
      process.exit(1);
    }));
}

process.on('unhandledRejection', (error) => fault(error));

try {
  await start();
} catch (error) {
  fault(error);
  await putRight().catch(fault);
  const known =
    error instanceof SignalboxError
      ? error
      : new SignalboxError('INTERNAL', error instanceof Error ? error.message : String(error));
  process.stdout.write(`${JSON.stringify({ error: { code: known.code, message: known.message, hint: known.hint } })}\n`);
  process.exit(1);
}
