import type { Workload } from '../../../domain/release.ts';
import type { ImageFacts } from './images.ts';

export interface BodyRequest {
  readonly workload: Workload;
  readonly image: ImageFacts;
  readonly env: Readonly<Record<string, string>>;
  /** Where it shall listen; null when it is told nothing. */
  readonly port: number | null;
  /** A one-off's own command line instead of the workload's. */
  readonly command?: string;
  /** The engine has an init program. */
  readonly init: boolean;
  /** Gets what others leave of the processors. */
  readonly lowPriority?: boolean;
}

const mebibyte = 1024 * 1024;
/** Of 1024, which everything else has. */
const lowShares = 128;
/** Processes and threads of one container. */
const mostPids = 512;
/** Of output, and one older file of as much. */
const logSize = '10m';
/** `/tmp` is memory: bounded, and gone with the container. */
const tempSize = '256m';
/** The kernel takes instances before the programs that carry traffic when the machine's memory ends. */
const oomScore = 500;
/** What an image that starts as root needs to give its folders away and become somebody else, and its init to signal that somebody. */
const toBecomeSomebodyElse = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'SETGID', 'SETUID'];

/** Body of the engine's create call. Pure; network, labels and lasting folders are added by the warden, who knows addresses. */
export function containerBody(request: BodyRequest): Record<string, unknown> {
  const { workload, image, env, port, command, init } = request;
  const { memoryMb, cpus } = workload.resources;
  const memory = memoryMb === undefined ? {} : { Memory: memoryMb * mebibyte, MemorySwap: memoryMb * mebibyte };
  return {
    Image: image.id,
    Env: Object.entries(environment({ workload, env, port, init })).map(([name, value]) => `${name}=${value}`),
    ...program(workload, command),
    ...(port === null ? {} : { ExposedPorts: { [`${port}/tcp`]: {} } }),
    // For ends that are the engine's own: ours ask first and wait as long ourselves.
    StopTimeout: Math.ceil(workload.grace / 1000),
    ...(workload.stopSignal === undefined ? {} : { StopSignal: workload.stopSignal }),
    // Health is judged from outside, by traffic's own way; a check inside would only cost a program every few seconds.
    Healthcheck: { Test: ['NONE'] },
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      Init: init,
      AutoRemove: false,
      Privileged: false,
      ReadonlyRootfs: false,
      RestartPolicy: { Name: 'no' },
      CapDrop: ['ALL'],
      CapAdd: startsAsRoot(image) ? toBecomeSomebodyElse : [],
      SecurityOpt: ['no-new-privileges:true'],
      Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,size=${tempSize},mode=1777` },
      PidsLimit: mostPids,
      OomScoreAdj: oomScore,
      // No core files; how many files may be open is the engine's to say: not every engine may raise it.
      Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
      LogConfig: { Type: 'json-file', Config: { 'max-size': logSize, 'max-file': '2' } },
      ...memory,
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(request.lowPriority === true ? { CpuShares: lowShares } : {}),
    },
  };
}

/** What an app needs beside its services: one of each, never replaced, known by its name in the network. */
export const isAccessory = ({ artifact }: Workload): boolean =>
  artifact.given !== undefined && artifact.path.startsWith('.accessories/');

export const isGivenImage = ({ artifact }: Workload): boolean => artifact.given !== undefined && 'image' in artifact.given;

const startsAsRoot = ({ user }: ImageFacts): boolean => /^(root|0)?(:|$)/.test(user);

function environment({
  workload,
  env,
  port,
  init,
}: Pick<BodyRequest, 'workload' | 'env' | 'port' | 'init'>): Record<string, string> {
  // Told as it was declared: the variables that apps are told by may mean something else to a database.
  if (isAccessory(workload)) return { ...env };
  return {
    // An init passes signals to the group, as a stop means the whole group everywhere else.
    ...(init ? { TINI_KILL_PROCESS_GROUP: '1' } : {}),
    ...(isGivenImage(workload) ? {} : { NODE_ENV: 'production', npm_config_update_notifier: 'false', PYTHONUNBUFFERED: '1' }),
    SIGNALBOX_APP: workload.app,
    SIGNALBOX_ENVIRONMENT: workload.environment,
    SIGNALBOX_SERVICE: workload.service,
    ...env,
    ...(port === null ? {} : { PORT: String(port), HOST: '0.0.0.0' }),
  };
}

/** `run` is the whole command line of an image that was built; an image made elsewhere keeps its entry point, which prepares things. */
function program(workload: Workload, command: string | undefined): Record<string, unknown> {
  if (command !== undefined) return { Entrypoint: argvOf(command), Cmd: [] };
  if (workload.run === undefined) return {};
  return isGivenImage(workload) ? { Cmd: argvOf(workload.run) } : { Entrypoint: argvOf(workload.run), Cmd: [] };
}

/** One line of words without meaning to a shell is started as it is, so that images need none; everything else gets `/bin/sh`. */
export function argvOf(command: string): string[] {
  const text = command.trim();
  const [first = ''] = text.split(/\s+/, 1);
  if (/^[\w@%+:,./= \t-]+$/.test(text) && !first.includes('=') && !shellWords.has(first)) return text.split(/\s+/);
  return ['/bin/sh', '-c', text];
}

const shellWords = new Set(
  '. : alias bg break case cd command continue eval exec exit export fg for getopts hash if jobs local read readonly return set shift source times trap type ulimit umask unalias unset until wait while'.split(
    ' ',
  ),
);
