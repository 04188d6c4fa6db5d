import { SignalboxError } from '../domain/errors.ts';
import type { Installation } from './install.ts';
import type { DevLog } from './log.ts';
import { type DevPlace, markerOf } from './place.ts';
import { type Program, shellArgv } from './program.ts';
import { endedWords } from './service.ts';
import type { Workplace } from './workplace.ts';

export interface InstallSession {
  readonly log: DevLog;
  readonly place: DevPlace;
  readonly ended: () => boolean;
  readonly onProgram: (program: Program | undefined) => void;
}

/** Runs what has to be installed, one after another, each once, for everybody to see. @throws DEV_NOT_INSTALLED */
export async function installAll(
  services: readonly { readonly installation: () => Installation | undefined; readonly workplace: Workplace }[],
  by: InstallSession,
): Promise<void> {
  const done = new Set<string>();
  for (const { installation: look, workplace } of services) {
    const installation = by.ended() ? undefined : look();
    if (installation === undefined) continue;
    const { service, command, cwd, because, from } = installation;
    const key = `${workplace.says ?? ''}\0${cwd}\0${command}`;
    if (done.has(key)) continue;
    done.add(key);
    by.log.note(service, `${because}: ${command}`);
    const program = workplace.start({
      argv: shellArgv(command),
      cwd,
      env: workplace.installing(),
      marker: markerOf(by.place, `${service}.install`),
      onLine: (line) => by.log.line(service, line),
    });
    by.onProgram(program);
    const ended = await program.ended;
    by.onProgram(undefined);
    if (ended.code !== 0 && !by.ended())
      throw new SignalboxError('DEV_NOT_INSTALLED', `${command} for ${service} ${endedWords(ended)}; its output is above.`, {
        hint: `Run it in ${cwd} by hand and mend what it says.`,
      });
    if (from !== undefined && ended.code === 0) workplace.packages?.made(cwd, from);
  }
}
