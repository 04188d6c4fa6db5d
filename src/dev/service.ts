import { setTimeout as wait } from 'node:timers/promises';
import type { CommandPlan } from './command.ts';
import type { DevLog } from './log.ts';
import { settled } from './listening.ts';
import type { Trouble } from './page.ts';
import { answers, freePort } from './ports.ts';
import { type Ended, type Program, shellArgv } from './program.ts';
import type { Workplace } from './workplace.ts';

/** Where requests go: they wait, go to the service's port, or meet the reason why it does not run. */
export type Standing =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'serving'; readonly port: number }
  | { readonly kind: 'down' };

export interface RunningService {
  readonly name: string;
  standing(): Standing;
  trouble(): Trouble;
  /** Resolves when it serves for the first time, or is known not to. */
  readonly settled: Promise<void>;
  /** When its program last began to run, of `performance.now()`; 0: not yet, or it has none. */
  beganAt(): number;
  /** Something changed: starts it anew. Calls in a row are one. */
  restart(why: string): void;
  end(graceMs: number): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  readonly plan: CommandPlan;
  readonly workplace: Workplace;
  readonly cwd: string;
  /** False: a worker; up is all it can be. */
  readonly listens: boolean;
  /** From start to listening before it counts as not coming, ms. */
  readonly deadlineMs: number;
  readonly graceMs: number;
  /** Read at each start: files of variables may have changed. PORT and HOST are added. @throws what keeps it from starting. */
  readonly environment: () => Promise<Readonly<Record<string, string>>>;
  /** Runs before the program, at the first start and when its inputs changed. @throws Error with the reason. */
  readonly before: () => Promise<void>;
  readonly marker: string;
  readonly log: DevLog;
  /** Returns when requests follow the new standing. */
  readonly onStanding: () => Promise<void>;
  /** Waits for what is under way to end, for a moment. */
  readonly drain: () => Promise<void>;
}

/** Pause between two looks at a port while a program starts, and while one that reloads itself runs, ms. */
const startingLookMs = 40;
const runningLookMs = 250;
/** How long something else than PORT may be listened on before it is taken for the service's port, ms. */
const elsewhereMs = 1500;
/** A program that reloads itself may be away this long before its output is shown instead, ms. */
const awayMs = 8000;
/** One that was up this long is started again by itself when it ends. */
const provenMs = 5000;
const tailLines = 60;

/** One program with all its lives: started, restarted on change, shown with its reason when it ends. */
export function runService(options: ServiceOptions): RunningService {
  const { name, plan, log } = options;
  let standing: Standing = { kind: 'waiting' };
  let reason = 'It has not been started yet.';
  let program: Program | undefined;
  let life = 0;
  let beganAt = 0;
  let closing = false;
  let wanted: string | undefined;
  let turning: Promise<void> | undefined;
  const first = settled();

  const stand = async (next: Standing): Promise<void> => {
    const same =
      next.kind === standing.kind && (next.kind !== 'serving' || standing.kind !== 'serving' || next.port === standing.port);
    standing = next;
    if (next.kind !== 'waiting') first.settle();
    if (!same) await options.onStanding();
  };
  const down = async (what: string): Promise<void> => {
    reason = what;
    log.note(name, what, 'bad');
    await stand({ kind: 'down' });
  };

  const prepare = async (env: Readonly<Record<string, string>>): Promise<string | undefined> => {
    if (plan.prepare === undefined) return undefined;
    const made = options.workplace.start({
      argv: shellArgv(plan.prepare),
      cwd: options.cwd,
      env,
      marker: options.marker,
      onLine: (line) => log.line(name, line),
    });
    const { code, signal, error } = await made.ended;
    return code === 0 ? undefined : `${plan.prepare} ${endedWords({ code, signal, ...(error === undefined ? {} : { error }) })}.`;
  };

  const stop = async (): Promise<void> => {
    const old = program;
    program = undefined;
    if (old === undefined) return;
    await options.drain();
    await old.end(Math.min(options.graceMs, 3000));
  };

  /** One whole turn: prepare, stop, start, wait until it listens. Ends early when another turn is wanted. */
  const turn = async (): Promise<void> => {
    const mine = ++life;
    log.fresh(name);
    const over = (): boolean => closing || wanted !== undefined || mine !== life;
    let env: Readonly<Record<string, string>>;
    try {
      env = await options.environment();
      await options.before();
    } catch (cause) {
      await stop();
      return down(cause instanceof Error ? cause.message : String(cause));
    }
    const failed = await prepare(env);
    if (over()) return;
    await stand({ kind: 'waiting' });
    await stop();
    if (over()) return;
    if (failed !== undefined) return down(failed);
    const port = plan.port ?? (await freePort());
    if (plan.port !== undefined && (await answers(plan.port)))
      return down(`Port ${plan.port} is taken by another program, and this service listens nowhere else.`);
    const started = performance.now();
    const current = options.workplace.start({
      argv: shellArgv(plan.run),
      cwd: options.cwd,
      env: { ...env, ...plan.env, PORT: `${port}`, HOST: '127.0.0.1' },
      marker: options.marker,
      onLine: (line) => log.line(name, line),
    });
    program = current;
    void current.begun.then(() => (beganAt = performance.now()));
    let ended: Ended | undefined;
    void current.ended.then((how) => {
      ended = how;
      if (program === current && standing.kind !== 'waiting') onEnd(how, performance.now() - started);
    });
    if (!options.listens) {
      await Promise.race([current.ended, wait(300)]);
      if (ended === undefined) return over() ? undefined : stand({ kind: 'serving', port: 0 });
      return onEnd(ended, 0);
    }
    await untilListening({ port, over: () => over() || ended !== undefined, current, started });
    if (ended !== undefined && !over()) onEnd(ended, performance.now() - started);
  };

  const untilListening = async (of: { port: number; over: () => boolean; current: Program; started: number }): Promise<void> => {
    const { over, current, started } = of;
    let elsewhere: { port: number; since: number } | undefined;
    let lookedAt = performance.now();
    while (!over()) {
      if (await answers(of.port)) {
        if (over()) return;
        log.note(name, `up in ${words(performance.now() - started)}`, 'good');
        await stand({ kind: 'serving', port: of.port });
        return;
      }
      const now = performance.now();
      if (now - lookedAt > 400) {
        lookedAt = now;
        const other = await current.listening();
        if (other !== undefined && other !== of.port) {
          if (elsewhere?.port !== other) elsewhere = { port: other, since: now };
          else if (now - elsewhere.since > elsewhereMs && !over()) {
            log.note(name, `it ignores PORT (${of.port}) and listens on ${other}; requests go there`);
            await stand({ kind: 'serving', port: other });
            return;
          }
        }
      }
      if (now - started > options.deadlineMs && standing.kind === 'waiting' && !over())
        await down(`It runs, but has not listened on PORT (${of.port}) for ${words(options.deadlineMs)}.`);
      await wait(now - started > 10_000 ? runningLookMs : startingLookMs);
    }
  };

  const onEnd = (how: Ended, upMs: number): void => {
    if (closing || wanted !== undefined) return;
    program = undefined;
    if (upMs > provenMs) {
      log.note(name, `${endedSentence(how)} It is started again.`, 'bad');
      void stand({ kind: 'waiting' });
      restart('it ended');
      return;
    }
    void down(`${endedSentence(how)} It is started again when a file changes.`);
  };

  const restart = (why: string): void => {
    if (closing) return;
    wanted = why;
    turning ??= (async () => {
      while (wanted !== undefined && !closing) {
        wanted = undefined;
        await turn().catch((cause: unknown) => down(`It could not be started: ${String(cause)}`));
      }
      turning = undefined;
    })();
  };

  /** Programs that reload themselves close their port meanwhile: requests wait instead of being refused. */
  const watchOver = async (): Promise<void> => {
    let goneSince: number | undefined;
    while (!closing) {
      await wait(runningLookMs, undefined, { ref: false });
      const current = program;
      if (!plan.reloads || !options.listens || current === undefined || turning !== undefined) continue;
      const port: number | undefined = standing.kind === 'serving' ? standing.port : lastPort;
      if (port === undefined) continue;
      const up = await answers(port);
      if (program !== current || turning !== undefined) continue;
      if (up) {
        goneSince = undefined;
        await stand({ kind: 'serving', port });
      } else {
        lastPort = port;
        goneSince ??= performance.now();
        if (performance.now() - goneSince < awayMs) await stand({ kind: 'waiting' });
        else if (standing.kind !== 'down') await down('It runs, but does not listen at the moment.');
      }
    }
  };
  let lastPort: number | undefined;
  void watchOver();
  restart('it starts');

  return {
    name,
    standing: () => standing,
    trouble: () => ({ service: name, what: reason, lines: log.tail(name, tailLines) }),
    settled: first.promise,
    beganAt: () => beganAt,
    restart,
    end: async (graceMs) => {
      closing = true;
      const old = program;
      await old?.end(graceMs);
      await turning?.catch(() => {});
      if (program !== old) await program?.end(graceMs);
      first.settle();
    },
  };
}

export function endedWords({ code, signal, error }: Ended): string {
  if (error !== undefined) return `could not be started: ${error}`;
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}

const endedSentence = (how: Ended): string => `It ${endedWords(how)}.`;

export const words = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
