import { setMaxListeners } from 'node:events';
import { type BranchRule, environmentsOf, pushedRef } from '../domain/branch-rules.ts';
import { SignalboxError } from '../domain/errors.ts';
import { plainText } from '../domain/plain-text.ts';
import type { AppName, EnvironmentName } from '../domain/values.ts';
import type { PushAnswer, PushedUpdate, Pushes } from '../ports/pushes.ts';
import type { PushedSource } from '../ports/pushed-source.ts';
import type { DeployPush } from './push-deploy.ts';

export interface PushPorts {
  readonly source: PushedSource;
  /** What the commit says of its environments. @throws CONFIG_INVALID, NOTHING_DETECTED */
  readonly environments: (app: AppName, sha: string) => Promise<Readonly<Record<string, { readonly branch?: BranchRule }>>>;
  /** What is done for one environment. */
  readonly deploy: DeployPush;
  readonly onFault: (error: unknown) => void;
}

/** Paths named in a warning. */
const named = 5;

export function createPushes(ports: PushPorts): Pushes {
  const { source, deploy } = ports;
  const leaving = new AbortController();
  // Each push that is being answered listens.
  setMaxListeners(0, leaving.signal);

  async function moved(
    update: PushedUpdate & { after: string },
    branch: string,
    say: (line: string) => void,
  ): Promise<PushAnswer> {
    const { app, after: sha } = update;
    const subject = await source.subject(app, sha);
    say(`${app} ${sha.slice(0, 7)} ${plainText(subject, 100)}`);
    if (update.before !== null && !(await source.contains(app, sha, update.before)))
      say(`${plainText(branch, 100)} was rewritten: ${update.before.slice(0, 7)} is no longer part of it`);
    await tellNotFetched(app, sha, say);
    const [environments, usual] = await Promise.all([ports.environments(app, sha), source.defaultBranch(app)]);
    const wanted = environmentsOf(branch, environments, usual);
    if (wanted.length === 0) {
      say(`no environment follows ${plainText(branch, 100)}: it is kept, and nothing is deployed`);
      say('which branch goes where is said by environments.<name>.branch in signalbox.yaml');
      return { ok: true, deployed: false };
    }
    return deployAll(update, wanted, say);
  }

  async function deployAll(
    { app, ref, after: sha, pusher: by }: PushedUpdate & { after: string },
    wanted: readonly EnvironmentName[],
    say: (line: string) => void,
  ): Promise<PushAnswer> {
    say('Ctrl-C ends this report, not the deploy; the same push shows it again');
    for (const [index, environment] of wanted.entries()) {
      const isLast = index === wanted.length - 1;
      const of = wanted.length === 1 && environment === 'production' ? '' : `${environment}: `;
      const until = isLast ? 'live' : 'proven';
      const answer = await deploy({ app, environment, sha, ref, by, until, leaving: leaving.signal }, (line) =>
        say(`${of}${line}`),
      );
      const rest = wanted.slice(index + 1);
      if (answer.ok) continue;
      if (rest.length > 0) say(`nothing was done for ${rest.join(', ')}`);
      return { ok: false, reason: `${of}${answer.reason}` };
    }
    return { ok: true, deployed: true };
  }

  async function tellNotFetched(app: AppName, sha: string, say: (line: string) => void): Promise<void> {
    const { modules, pointers } = await source.notFetched(app, sha, named + 1);
    const list = (paths: readonly string[]): string =>
      `${paths
        .slice(0, named)
        .map((path) => plainText(path, 80))
        .join(', ')}${paths.length > named ? ' and more' : ''}`;
    if (modules.length > 0) say(`warning: submodules are not fetched, their folders stay empty: ${list(modules)}`);
    if (pointers.length > 0) say(`warning: files of Git LFS are not fetched, only their pointers are there: ${list(pointers)}`);
  }

  async function decide(update: PushedUpdate, say: (line: string) => void): Promise<PushAnswer> {
    const ref = pushedRef(update.ref);
    if (ref.kind === 'refused') return { ok: false, reason: ref.reason };
    const name = plainText(ref.name, 100);
    if (update.after === null) {
      say(`the ${ref.kind} ${name} is gone here; what runs goes on running`);
      return { ok: true, deployed: false };
    }
    if (ref.kind === 'tag') {
      say(`the tag ${name} is kept; tags are not deployed`);
      return { ok: true, deployed: false };
    }
    return moved({ ...update, after: update.after }, ref.name, say);
  }

  return {
    async receive(update, say) {
      if (leaving.signal.aborted) return { ok: false, reason: 'the control plane is being restarted; push again' };
      try {
        return await decide(update, say);
      } catch (error) {
        if (!(error instanceof SignalboxError)) {
          ports.onFault(error);
          return { ok: false, reason: 'Signalbox could not look at it; its log says why [INTERNAL]' };
        }
        for (const line of error.message.split('\n').slice(0, 30)) say(plainText(line, 400));
        if (error.hint !== '') say(`to do: ${plainText(error.hint, 400)}`);
        return { ok: false, reason: `${plainText(error.message.split('\n')[0] ?? '', 200)} [${error.code}]` };
      }
    },
    stop: () => leaving.abort(),
  };
}
