import { markerName } from '../../keeper/processes.ts';
import type { ProgramRequest } from '../program.ts';

/** A folder or file of this machine where a container sees it. */
export interface Bind {
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
}

export interface BodyRequest extends Pick<ProgramRequest, 'argv' | 'cwd' | 'env' | 'marker'> {
  /** Id of the image. */
  readonly image: string;
  /** What it writes into the repository belongs to whoever develops it. Undefined: in its own folder, as whoever the image says. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly binds: readonly Bind[];
  /** Names that lead to other addresses than this machine's. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** The engine has an init program. */
  readonly init: boolean;
}

/** Of output, and one older file of as much: it is shown as it comes, and nobody asks for it later. */
const logSize = '5m';
/** Processes and threads; a development server with its compilers has dozens. */
const mostPids = 4096;

/** Body of the engine's create call for one program. Pure. */
export function containerBody(request: BodyRequest): Record<string, unknown> {
  const { argv, cwd, env, marker, image, user, binds, hosts, labels, init } = request;
  return {
    Image: image,
    // No words: the image's own.
    ...(argv.length === 0 ? {} : { Entrypoint: argv, Cmd: [] }),
    ...(user === undefined ? {} : { WorkingDir: cwd, User: `${user.uid}:${user.gid}` }),
    // An init passes signals to the group, as a stop means the whole group everywhere else.
    Env: Object.entries({ ...env, ...(init ? { TINI_KILL_PROCESS_GROUP: '1' } : {}), [markerName]: marker }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    Labels: labels,
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['NONE'] },
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      Init: init,
      AutoRemove: false,
      // The desk's own loopback: development servers listen there alone, and the session's addresses are there.
      NetworkMode: 'host',
      // Where the engine gives containers other users, files would belong to nobody here.
      UsernsMode: 'host',
      ExtraHosts: Object.entries(hosts).map(([name, address]) => `${name}:${address}`),
      Mounts: binds.map(({ source, target, readOnly = false }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      RestartPolicy: { Name: 'no' },
      // Whoever is root here may write into folders of others, as without a container.
      CapDrop: user === undefined || user.uid === 0 ? [] : ['ALL'],
      // SELinux would keep it out of the repository, and relabelling somebody's files is not ours to do.
      SecurityOpt: ['no-new-privileges:true', 'label=disable'],
      PidsLimit: mostPids,
      LogConfig: { Type: 'json-file', Config: { 'max-size': logSize, 'max-file': '2' } },
    },
  };
}
