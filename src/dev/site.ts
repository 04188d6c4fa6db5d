import type { FilesPlan } from './command.ts';
import { settled } from './listening.ts';
import { endedWords, type RunningService, type ServiceOptions, type Standing } from './service.ts';
import { shellArgv } from './program.ts';
import { serveSite } from './site-server.ts';

export interface SiteServiceOptions
  extends Pick<ServiceOptions, 'name' | 'workplace' | 'cwd' | 'environment' | 'marker' | 'log' | 'onStanding'> {
  readonly plan: FilesPlan;
  /** Absolute folder of the files. */
  readonly files: string;
  readonly base: string;
  readonly stripPath: boolean;
}

/** A site without a development server of its own: served from its folder, built again on change where it is built. */
export async function runSite(options: SiteServiceOptions): Promise<RunningService> {
  const { name, plan, log } = options;
  const server = await serveSite({
    folder: options.files,
    spaFallback: plan.spaFallback,
    base: options.base,
    stripPath: options.stripPath,
  });
  const first = settled();
  let standing: Standing = { kind: 'waiting' };
  let reason = '';
  let wanted = false;
  let closing = false;
  let turning: Promise<void> | undefined;
  let building: { end(graceMs: number): Promise<void> } | undefined;

  const stand = async (next: Standing): Promise<void> => {
    const same = next.kind === standing.kind;
    standing = next;
    first.settle();
    if (!same) await options.onStanding();
  };
  const turn = async (): Promise<void> => {
    log.fresh(name);
    if (plan.prepare !== undefined) {
      const env = await options.environment();
      const made = options.workplace.start({
        argv: shellArgv(plan.prepare),
        cwd: options.cwd,
        env,
        marker: options.marker,
        onLine: (line) => log.line(name, line),
      });
      building = made;
      const ended = await made.ended;
      building = undefined;
      if (closing) return;
      if (ended.code !== 0) {
        reason = `${plan.prepare} ${endedWords(ended)}.`;
        log.note(name, reason, 'bad');
        await stand({ kind: 'down' });
        return;
      }
    }
    await stand({ kind: 'serving', port: server.port });
    server.changed();
  };
  const restart = (): void => {
    wanted = true;
    turning ??= (async () => {
      while (wanted && !closing) {
        wanted = false;
        await turn().catch(async (cause: unknown) => {
          reason = cause instanceof Error ? cause.message : String(cause);
          log.note(name, reason, 'bad');
          await stand({ kind: 'down' });
        });
      }
      turning = undefined;
    })();
  };
  restart();
  return {
    name,
    standing: () => standing,
    trouble: () => ({ service: name, what: reason, lines: log.tail(name, 60) }),
    settled: first.promise,
    beganAt: () => 0,
    restart,
    end: async (graceMs) => {
      closing = true;
      await building?.end(graceMs);
      await turning?.catch(() => {});
      server.close();
      first.settle();
    },
  };
}
