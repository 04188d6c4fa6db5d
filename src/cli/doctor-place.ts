import { access, constants, readlink, stat, statfs } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { DoctorCheck } from '../api/contract.ts';
import type { Invocation } from './invocation.ts';

/** Less than this and builds will not fit. */
const scarceBytes = 1024 ** 3;
/** Less than this and not even decisions will. */
const emptyBytes = 64 * 1024 ** 2;

/** The home and the ports of this installation. @param ports those that a running control plane has; null when none runs. */
export async function checkPlace(
  { settings, home }: Invocation,
  ports: readonly number[] | null,
): Promise<readonly DoctorCheck[]> {
  return [
    await writable(home.root),
    await space(home.root),
    await tokenFile(home.apiToken),
    await elsewhere(home.artifacts),
    await keeper({ socket: home.keeperSocket, controlled: ports !== null }),
    await port({
      name: 'traffic port',
      host: settings.http.host,
      port: settings.http.port,
      variable: 'SIGNALBOX_HTTP_PORT',
      ports,
    }),
    await port({ name: 'API port', host: settings.api.host, port: settings.api.port, variable: 'SIGNALBOX_API_PORT', ports }),
  ];
}

async function writable(root: string): Promise<DoctorCheck> {
  const name = 'home';
  const place = await nearest(root);
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch {
    return {
      name,
      state: 'failed',
      detail: `${place} cannot be written by this user`,
      fix: 'Give this user the folder, or set SIGNALBOX_HOME to another.',
    };
  }
  return { name, state: 'ok', detail: place === root ? root : `${root}, made by the first \`signalbox up\`` };
}

async function space(root: string): Promise<DoctorCheck> {
  const name = 'disk';
  const { bavail, bsize, ffree, files } = await statfs(await nearest(root));
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  if (free < emptyBytes)
    return { name, state: 'failed', detail, fix: 'Make room: without it nothing can be deployed; what runs goes on.' };
  if (free < scarceBytes) return { name, state: 'warning', detail, fix: 'Make room, or lower SIGNALBOX_KEEP_ARTIFACT_BYTES.' };
  if (files > 0 && ffree < 10_000)
    return {
      name,
      state: 'warning',
      detail: `${detail}, but only ${ffree} inodes`,
      fix: 'Remove files; builds make many small ones.',
    };
  return { name, state: 'ok', detail };
}

async function tokenFile(file: string): Promise<DoctorCheck> {
  const name = 'token';
  const facts = await stat(file).catch(() => null);
  if (facts === null) return { name, state: 'ok', detail: 'made by the first `signalbox up`' };
  if ((facts.mode & 0o077) !== 0)
    return { name, state: 'failed', detail: `${file} can be read by others`, fix: `chmod 600 ${file}` };
  return { name, state: 'ok', detail: `${file}, for its owner alone` };
}

/** Instances of root's are users of their own; a home that they cannot enter has their files elsewhere. */
async function elsewhere(artifacts: string): Promise<DoctorCheck> {
  const name = 'files of apps';
  const target = await readlink(artifacts).catch(() => null);
  if (target === null) return { name, state: 'ok', detail: 'in the home' };
  const folder = dirname(target);
  if ((await stat(folder).catch(() => null)) === null)
    return {
      name,
      state: 'failed',
      detail: `${folder}, where the home points, is gone`,
      fix: `Put ${folder} back, or deploy to a new home.`,
    };
  return { name, state: 'ok', detail: `in ${folder}, since others cannot enter the home; remove both together` };
}

/** Holds the sockets and keeps apps running; without a control plane it may be there or not. */
async function keeper({ socket, controlled }: { socket: string; controlled: boolean }): Promise<DoctorCheck> {
  const name = 'keeper';
  if (await answers(socket))
    return { name, state: 'ok', detail: controlled ? 'answers' : 'answers, though no control plane runs: apps go on serving' };
  if (!controlled) return { name, state: 'ok', detail: 'not running; `signalbox up` starts it' };
  return {
    name,
    state: 'failed',
    detail: 'does not answer',
    fix: 'Run `signalbox down`, then `signalbox up`; see logs/keeper.log in the home.',
  };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => resolve(true));
    connection.once('error', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
}

async function port(facts: {
  name: string;
  host: string;
  port: number;
  variable: string;
  ports: readonly number[] | null;
}): Promise<DoctorCheck> {
  const { name, host, port: wanted, variable, ports } = facts;
  if (wanted === 0) return { name, state: 'ok', detail: 'any free one' };
  if (ports?.includes(wanted) === true) return { name, state: 'ok', detail: `${wanted}, Signalbox's own` };
  const code = await tryToListen(host, wanted);
  if (code === null)
    return {
      name,
      state: 'ok',
      detail: `${wanted} is free${ports === null ? '' : ', though a running control plane uses another'}`,
    };
  if (code === 'EACCES')
    return { name, state: 'failed', detail: `${wanted} needs root`, fix: `Set ${variable} to a port above 1023.` };
  if (code === 'EADDRINUSE' && ports === null)
    return {
      name,
      state: 'warning',
      detail: `${wanted} is taken: by another program, or by the keeper of a Signalbox whose control plane is down`,
      fix: `Run \`signalbox up\`; if it says PORT_IN_USE, stop the other program or set ${variable}.`,
    };
  return {
    name,
    state: 'warning',
    detail: `${wanted} cannot be had on ${host} (${code})`,
    fix: `Stop the program that has it, or set ${variable}.`,
  };
}

function tryToListen(host: string, wanted: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(wanted, host, () => server.close(() => resolve(null)));
  });
}

/** The folder, or the nearest one above it that is there. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    if ((await stat(at).catch(() => null)) !== null || at === dirname(at)) return at;
  }
}
