import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DoctorCheck } from '../api/contract.ts';

/** What Signalbox asks of a machine, wherever its home is. */
export async function checkMachine(variables: Readonly<Record<string, string>>): Promise<readonly DoctorCheck[]> {
  return [
    nodeVersion(),
    await git(variables),
    clock(Date.now()),
    memory(),
    await limits(),
    separation(process.getuid?.() ?? -1),
    await namespaces(variables),
  ];
}

const oldestNode = [20, 20] as const;

export function nodeVersion(version: string = process.versions.node): DoctorCheck {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const detail = `Node ${version}`;
  return enough
    ? { name: 'node', state: 'ok', detail }
    : { name: 'node', state: 'failed', detail, fix: `Install Node ${oldestNode.join('.')} or newer.` };
}

async function git(variables: Readonly<Record<string, string>>): Promise<DoctorCheck> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'], { env: { ...variables } });
    const { stdout: programs } = await promisify(execFile)('git', ['--exec-path'], { env: { ...variables } });
    return gitVersion(stdout.trim(), existsSync(join(programs.trim(), 'git-http-backend')));
  } catch {
    return {
      name: 'git',
      state: 'failed',
      detail: 'git is not installed',
      fix: 'Install git; it carries the source and keeps every version.',
    };
  }
}

/** The hook that answers pushes (proc-receive) came with 2.29; some systems pack the HTTP part by itself. */
export function gitVersion(said: string, servesHttp: boolean): DoctorCheck {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(said) ?? [];
  const name = 'git';
  if (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 29))
    return { name, state: 'warning', detail: `${said}: \`git push\` to Signalbox needs 2.29`, fix: 'Install git 2.29 or newer.' };
  if (servesHttp) return { name, state: 'ok', detail: said };
  return {
    name,
    state: 'warning',
    detail: `${said}, without git-http-backend: nobody can \`git push\` to Signalbox`,
    fix: 'Install it; on Alpine it is the package git-daemon.',
  };
}

/** A clock that is years off spoils what people read; decisions are measured by another one. */
export function clock(now: number): DoctorCheck {
  const year = new Date(now).getUTCFullYear();
  const detail = new Date(now).toISOString();
  return year >= 2025 && year < 2100
    ? { name: 'clock', state: 'ok', detail }
    : {
        name: 'clock',
        state: 'warning',
        detail,
        fix: 'Set the clock, e.g. with `timedatectl set-ntp true`; certificates and dates depend on it.',
      };
}

function memory(): DoctorCheck {
  const mib = (bytes: number): number => Math.round(bytes / 1024 ** 2);
  return {
    name: 'memory',
    state: 'ok',
    detail: `${mib(freemem())} MiB free of ${mib(totalmem())} MiB; during a rollout two copies of an app run`,
  };
}

/** Memory and processor limits of instances are set in a control group. */
async function limits(): Promise<DoctorCheck> {
  const name = 'limits';
  const controllers = await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8').catch(() => null);
  const legacy = controllers === null && (await readFile('/proc/self/cgroup', 'utf8').catch(() => '')).includes('memory');
  if (process.getuid?.() !== 0)
    return { name, state: 'ok', detail: 'not root: memory and CPU limits of apps are watched, not enforced by the kernel' };
  if (controllers?.includes('memory') === true) return { name, state: 'ok', detail: 'control groups v2 with memory' };
  if (legacy) return { name, state: 'ok', detail: 'control groups v1 with memory' };
  return {
    name,
    state: 'warning',
    detail: 'no control groups: memory and CPU limits of apps are watched, not enforced',
    fix: 'Boot with control groups v2 to have them enforced by the kernel.',
  };
}

function separation(uid: number): DoctorCheck {
  const name = 'separation';
  if (uid === 0) return { name, state: 'ok', detail: 'root: every app runs as a user of its own' };
  return { name, state: 'ok', detail: `not root: apps run as this user (${uid}); ports below 1024 are out of reach` };
}

/** An app that insists on a port of its own can still be replaced without a gap when each copy has a network to itself. */
async function namespaces(variables: Readonly<Record<string, string>>): Promise<DoctorCheck> {
  const name = 'namespaces';
  const without = 'apps that ignore PORT cannot be replaced without a gap';
  if (process.getuid?.() !== 0) return { name, state: 'ok', detail: `not root: ${without}` };
  try {
    await promisify(execFile)('ip', ['netns', 'list'], { env: { ...variables } });
    return { name, state: 'ok', detail: 'network namespaces' };
  } catch {
    return { name, state: 'warning', detail: `no network namespaces: ${without}`, fix: 'Install iproute2.' };
  }
}
