import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceSpec } from '../../domain/spec.ts';
import { type Engine, openEngine } from '../../engine/client.ts';
import type { DevLog } from '../log.ts';
import type { DevPlace } from '../place.ts';
import type { Program, ProgramRequest } from '../program.ts';
import type { Workplace, Workplaces } from '../workplace.ts';
import { type Bind, containerBody } from './body.ts';
import { startContainer } from './container.ts';
import { fitEngine } from './fit-engine.ts';
import { labelOf, noteEngine, removeLeft } from './left-over.ts';
import { makeEnds, packageFolders } from './package-folders.ts';
import { packageRecord } from './package-record.ts';
import { writeUsers } from './users.ts';

/** An image to develop a service in. */
export interface ChosenImage {
  /** For people, such as `node:20-bookworm-slim`. What was installed in it is kept under this name. */
  readonly says: string;
  /** Its id, after it was fetched or built where it has to be. @throws SignalboxError with the reason */
  bring(to: { readonly onLine: (line: string) => void; readonly signal: AbortSignal }): Promise<string>;
  /** It is here already: nothing takes long. */
  here(): Promise<boolean>;
  /** It has its program, and nothing of the repository is in it. */
  readonly whole?: true;
}

/** @throws DEV_UNSUPPORTED where nothing says which */
export type ChooseImage = (service: ServiceSpec) => Promise<ChosenImage>;

export interface ContainerOptions {
  readonly engineSocket: string;
  readonly app: string;
  /** Absolute root of the repository. */
  readonly root: string;
  /** Absolute folders of the services that are started. */
  readonly folders: readonly string[];
  readonly place: DevPlace;
  readonly log: DevLog;
  readonly shell: Readonly<Record<string, string>>;
  readonly choose: ChooseImage;
  /** Addresses of accessories by name, at the moment. */
  readonly hosts: () => Readonly<Record<string, string>>;
  /** Resolves when everything shall end. */
  readonly over: Promise<void>;
}

/** Home of whoever runs a container: caches of package managers, kept from session to session. */
const home = '/signalbox/home';
const tools = `${home}/npm`;
/** What of the terminal counts in a container without being named: how to reach the network and where packages come from. */
const passedOn =
  /^(?:(?:https?|ftp|no|all)_proxy|npm_config_registry|(?:pip|uv)_(?:extra_|default_)?index(?:_url)?|pip_trusted_host|TZ)$/i;

interface Brought {
  readonly id: string;
  /** Search path of the image. */
  readonly path: string;
  /** Its list of users with whoever develops; null: they are in it. */
  readonly users: string | null;
}

/**
 * Programs in containers of the image that each service is made with: the repository where it lies here, everything as whoever
 * develops it, on this machine's addresses.
 * @throws ENGINE_UNAVAILABLE, DEV_UNSUPPORTED
 */
export async function containerWorkplaces(options: ContainerOptions): Promise<Workplaces> {
  const { place, root, log } = options;
  const engine = openEngine(options.engineSocket);
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const kept = join(place.root, 'containers');
  const over = new AbortController();
  void options.over.then(() => over.abort());
  const brought = new Map<string, Brought>();
  const chosen = new Map<Workplace, Chosen>();
  const undo: (() => void)[] = [];
  let count = 0;
  let init = true;

  const folderOf = (says: string): string => join(kept, createHash('sha256').update(says).digest('hex').slice(0, 12));
  const labelsOf = (service: string) => ({ [labelOf.place]: place.id, [labelOf.app]: options.app, [labelOf.service]: service });
  const usersIn = (says: string): Bind[] => {
    const source = brought.get(says)?.users;
    return source == null ? [] : [{ source, target: '/etc/passwd', readOnly: true }];
  };
  const environment = (image: string, own: Readonly<Record<string, string>>, programs: readonly string[]) => {
    const path = [...programs, `${tools}/bin`, brought.get(image)?.path ?? ''];
    return { ...own, HOME: home, npm_config_prefix: tools, PATH: path.join(':') };
  };
  const network = (): Record<string, string> =>
    Object.fromEntries(Object.entries(options.shell).filter(([name]) => passedOn.test(name)));

  const workplaceOf = async (service: ServiceSpec): Promise<Workplace> => {
    const image = await options.choose(service);
    const { says, whole = false } = image;
    const own = folderOf(says);
    const packages = packageFolders({ root, services: options.folders, kept: own });
    const put = () =>
      whole
        ? { binds: [] }
        : {
            user,
            binds: [{ source: root, target: root }, ...homeBinds(kept, options.shell), ...usersIn(says), ...packages.binds],
          };
    const start = (request: ProgramRequest): Program => {
      count += 1;
      const { marker, onLine } = request;
      const labels = labelsOf(service.name);
      const name = `signalbox-${place.id}-${service.name}-${process.pid}-${count}`;
      const body = () =>
        containerBody({ ...request, ...put(), image: brought.get(says)?.id ?? says, hosts: options.hosts(), labels, init });
      return startContainer(engine, { name, marker, onLine, body });
    };
    const workplace: Workplace = {
      says: `in ${says}`,
      start,
      has: () => true,
      seenAt: (folder) => packages.seenAt(folder),
      environment: ({ env, named }, programs) => {
        const asked = Object.entries(env).filter(([name]) => named.has(name) && name !== 'PATH' && name !== 'HOME');
        const all = { ...network(), ...Object.fromEntries(asked) };
        return whole ? all : environment(says, all, programs);
      },
      installing: () => environment(says, { ...network(), CI: 'true' }, []),
      packages: packageRecord(join(own, 'packages.json')),
    };
    chosen.set(workplace, { image, service: service.name, binds: whole ? [] : packages.binds });
    return workplace;
  };

  try {
    ({ init } = await fitEngine(engine));
  } catch (cause) {
    await engine.close();
    throw cause;
  }
  const open = async (workplaces: readonly Workplace[]): Promise<void> => {
    noteEngine(place, options.engineSocket);
    layHome(join(kept, 'home'));
    for (const workplace of workplaces) {
      const { image, service, binds } = chosen.get(workplace) ?? {};
      if (image === undefined || service === undefined || over.signal.aborted) continue;
      undo.push(makeEnds(binds ?? []));
      if (brought.has(image.says)) continue;
      const folder = folderOf(image.says);
      if (!(await image.here())) log.note(service, `the engine fetches ${image.says}, once`);
      const id = await image.bring({ onLine: (line) => log.line(service, line), signal: over.signal });
      workplace.packages?.madeIn(id);
      const users = {
        image: id,
        user: { ...user, home },
        file: join(folder, `passwd-${id.slice(-12)}`),
        labels: labelsOf(service),
      };
      const known = image.whole === true || user.uid === 0;
      brought.set(image.says, { id, path: await pathIn(engine, id), users: known ? null : await writeUsers(engine, users) });
    }
  };
  let opening: Promise<void> | undefined;
  return {
    of: workplaceOf,
    open: (workplaces) => (opening = open(workplaces)),
    close: async () => {
      await opening?.catch(() => {});
      for (const back of undo) back();
      const left = await removeLeft(engine, place);
      if (left === null)
        log.note('dev', 'Not every container could be removed; the next signalbox dev of this folder does it.', 'bad');
      else noteEngine(place, null);
      await engine.close();
    },
  };
}

interface Chosen {
  readonly image: ChosenImage;
  readonly service: string;
  readonly binds: readonly Bind[];
}

/** Search path of an image. */
async function pathIn(engine: Engine, id: string): Promise<string> {
  const answer = await engine.call<{ readonly Config: { readonly Env?: readonly string[] } | null }>(
    'GET',
    `/images/${encodeURIComponent(id)}/json`,
  );
  const variables = answer.ok ? (answer.body.Config?.Env ?? []) : [];
  return variables.find((one) => one.startsWith('PATH='))?.slice(5) ?? usualPath;
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** pnpm would keep its store at the top of the repository: from another mount it cannot link. Versions read different files. */
function layHome(folder: string): void {
  const config = join(folder, '.config', 'pnpm');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'rc'), `store-dir=${home}/pnpm-store\n`);
  writeFileSync(join(config, 'config.yaml'), `storeDir: ${home}/pnpm-store\n`);
}

/** Logins of registries that the user has for npm count in a container, too; they are only read. */
function homeBinds(kept: string, shell: Readonly<Record<string, string>>): Bind[] {
  const binds: Bind[] = [{ source: join(kept, 'home'), target: home }];
  const logins = join(shell['HOME'] ?? '/nonexistent', '.npmrc');
  if (!existsSync(logins)) return binds;
  // The other end has to be there, and to be ours.
  closeSync(openSync(join(kept, 'home', '.npmrc'), 'a', 0o600));
  return [...binds, { source: logins, target: `${home}/.npmrc`, readOnly: true }];
}
