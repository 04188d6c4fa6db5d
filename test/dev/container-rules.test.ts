import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { containerBody } from '../../src/dev/containers/body.ts';
import { developmentStage, stagesOf } from '../../src/dev/containers/dockerfile.ts';
import { obstacleOf } from '../../src/dev/containers/fit-engine.ts';
import { packageRecord } from '../../src/dev/containers/package-record.ts';
import { withUser } from '../../src/dev/containers/users.ts';
import { fileEventsOf } from '../../src/dev/file-events.ts';
import { makeEnds, packageFolders } from '../../src/dev/containers/package-folders.ts';

describe('what a Dockerfile says about development', () => {
  test('a stage called dev or development is the one', () => {
    const stages = stagesOf('FROM node:20 AS base\nFROM base AS Development\nFROM base AS prod\n');
    expect(developmentStage(stages)).toBe('development');
    expect(developmentStage(stagesOf('FROM node:20 AS devtools\n'))).toBeUndefined();
  });

  test.each([
    ['a plain image', 'FROM golang:1.22 AS build\nFROM scratch\n', 'golang:1.22'],
    [
      'an argument with its preset',
      'ARG BASE=node:20\nARG BUILD_BASE=${BASE}-slim\nFROM ${BUILD_BASE} AS build\n',
      'node:20-slim',
    ],
    ['a preset in its place', 'ARG V\nFROM node:${V:-22} AS build\n', 'node:22'],
    ['a platform and a continued line', 'FROM --platform=$BUILDPLATFORM \\\n  python:3.12 \\\n  AS build\n', 'python:3.12'],
    [
      'comments and other instructions before it',
      '# syntax=docker/dockerfile:1\nARG X=1\n\nFROM "node:20"\n'.replace(/"/g, ''),
      'node:20',
    ],
  ])('the first stage starts from %s', (_, text, image) => {
    expect(stagesOf(text)[0]?.from).toBe(image);
  });

  test('what only a build knows is not guessed', () => {
    expect(stagesOf('ARG BASE\nFROM ${BASE} AS build\n')[0]?.from).toBeUndefined();
    expect(stagesOf('FROM scratch\nCOPY x /x\n')[0]?.from).toBeUndefined();
    expect(stagesOf('FROM node:20 AS base\nFROM base\n')[1]?.from).toBe('node:20');
  });
});

describe('the container of a program', () => {
  const request = {
    argv: ['/bin/sh', '-c', 'exec node server.mjs'],
    cwd: '/home/me/shop/web',
    env: { PORT: '20001', HOST: '127.0.0.1' },
    marker: 'dev1:web',
    image: 'sha256:1',
    binds: [{ source: '/home/me/shop', target: '/home/me/shop' }],
    hosts: { db: '172.18.0.2' },
    labels: { 'signalbox.dev': 'dev1' },
    init: true,
  };
  interface Body {
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly Entrypoint?: string[];
    readonly Env: string[];
    readonly HostConfig: {
      CapDrop: string[];
      SecurityOpt: string[];
      NetworkMode: string;
      ExtraHosts: string[];
      Mounts: object[];
    };
  }

  test('runs as whoever develops it, without rights of its own', () => {
    const body = containerBody({ ...request, user: { uid: 1234, gid: 100 } }) as unknown as Body;
    expect(body).toMatchObject({ User: '1234:100', WorkingDir: '/home/me/shop/web' });
    expect(body.HostConfig).toMatchObject({ CapDrop: ['ALL'], NetworkMode: 'host', ExtraHosts: ['db:172.18.0.2'] });
    expect(body.HostConfig.SecurityOpt).toContain('no-new-privileges:true');
    expect(body.HostConfig.Mounts).toEqual([{ Type: 'bind', Source: '/home/me/shop', Target: '/home/me/shop', ReadOnly: false }]);
    expect(body.Env).toEqual(['PORT=20001', 'HOST=127.0.0.1', 'TINI_KILL_PROCESS_GROUP=1', 'SIGNALBOX_INSTANCE=dev1:web']);
  });

  test('of an image that has its own program keeps that, its folder and its user', () => {
    const body = containerBody({ ...request, argv: [], binds: [] }) as unknown as Body;
    expect(body.Entrypoint).toBeUndefined();
    expect(body.User).toBeUndefined();
    expect(body.WorkingDir).toBeUndefined();
  });
});

describe('an engine for development', () => {
  test('has to share the users and the addresses of this machine', () => {
    expect(
      obstacleOf({ OperatingSystem: 'Debian GNU/Linux 12', KernelVersion: '6.1', SecurityOptions: ['name=seccomp'] }, '6.1'),
    ).toBeNull();
    expect(obstacleOf({ SecurityOptions: ['name=rootless'], KernelVersion: '6.1' }, '6.1')).toContain('without root');
    expect(obstacleOf({ OperatingSystem: 'Docker Desktop', KernelVersion: '6.1' }, '6.1')).toContain('Docker Desktop');
    expect(obstacleOf({ OperatingSystem: 'Alpine', KernelVersion: '6.6-virt' }, '6.1')).toContain('a machine of its own');
  });
});

describe('packages of containers', () => {
  test('lie beside the repository, and what was made in it goes again when nobody has used it', async () => {
    const root = await mkdtemp(join(tmpdir(), 'sb-packages-'));
    for (const folder of ['web/src', 'api/.venv', 'fixtures/app', 'ui/parts', 'web/node_modules/left-pad', 'kept'])
      mkdirSync(join(root, folder), { recursive: true });
    for (const file of [
      'package.json',
      'web/package.json',
      'web/node_modules/left-pad/package.json',
      'api/requirements.txt',
      'fixtures/app/package.json',
      'ui/parts/package.json',
    ])
      await writeFile(join(root, file), '{}');
    const kept = join(root, 'kept');
    const folders = packageFolders({ root, services: [join(root, 'web'), join(root, 'api')], kept });
    expect(folders.binds.map(({ target }) => target.slice(root.length + 1))).toEqual([
      'api/.venv',
      'node_modules',
      'web/node_modules',
    ]);
    expect(folders.seenAt(join(root, 'web/node_modules/.bin'))).toBe(join(kept, 'web/node_modules/.bin'));
    expect(folders.seenAt(join(root, 'web/src'))).toBe(join(root, 'web/src'));
    // Of a workspace every folder may get packages.
    await writeFile(join(root, 'package.json'), '{ "workspaces": ["ui/*"] }');
    const all = packageFolders({ root, services: [join(root, 'web')], kept }).binds;
    expect(all.map(({ target }) => target)).toContain(join(root, 'ui/parts/node_modules'));
    const back = makeEnds(folders.binds);
    await writeFile(join(root, 'web/node_modules/mine.txt'), 'x');
    back();
    const left = ['node_modules', 'web/node_modules'].map((name) => existsSync(join(root, name)));
    expect(left).toEqual([false, true]);
    await rm(root, { recursive: true, force: true });
  });

  test('of another image are made anew', async () => {
    const root = await mkdtemp(join(tmpdir(), 'sb-packages-'));
    const record = packageRecord(join(root, 'in', 'packages.json'));
    record.madeIn('sha256:1');
    record.made('/shop/web', 'lock 1');
    record.madeIn('sha256:1');
    expect(record.madeFrom('/shop/web')).toBe('lock 1');
    record.madeIn('sha256:2');
    expect(record.madeFrom('/shop/web')).toBeUndefined();
    await rm(root, { recursive: true, force: true });
  });
});

test('whoever develops has a name in the container, beside those of the image', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/bash\n';
  expect(withUser(passwd, { uid: 1000, gid: 1000, home: '/h' })).toBeNull();
  expect(withUser(passwd, { uid: 4242, gid: 100, home: '/h' })).toBe(`${passwd}dev:x:4242:100:Signalbox dev:/h:/bin/sh\n`);
  expect(withUser('', { uid: 1, gid: 1, home: '/h' })).toBe('dev:x:1:1:Signalbox dev:/h:/bin/sh\n');
});

test('development servers look for changes themselves where nobody tells them', () => {
  expect(fileEventsOf(0xef53)).toEqual({ variables: {} });
  expect(fileEventsOf(0x6969).note).toContain('NFS');
  expect(fileEventsOf(0x01021997).variables).toMatchObject({ CHOKIDAR_USEPOLLING: '1', WATCHPACK_POLLING: 'true' });
  // As a platform with numbers of 32 bits gives it.
  expect(fileEventsOf(0xff534d42 | 0).note).toContain('CIFS');
});
