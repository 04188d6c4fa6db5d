import { delimiter, dirname, join } from 'node:path';
import type { Workload } from '../../../domain/release.ts';

export interface BaseEnvironment {
  /** The operator's PATH. */
  readonly path: string;
  /** Default C.UTF-8. */
  readonly lang?: string;
  /** Time zone; unset: the machine's. */
  readonly timeZone?: string;
}

export interface Place {
  /** Root of the instance's own copy of the artifact. */
  readonly root: string;
  /** The service's folder in it. */
  readonly cwd: string;
  readonly home: string;
  readonly temp: string;
}

/**
 * The whole environment of an instance or one-off. Nothing of the control plane's own leaks in; what the workload declares wins,
 * except over PORT and HOST, which decide where it is reached.
 */
export function instanceEnvironment(
  workload: Workload,
  declared: Readonly<Record<string, string>>,
  where: {
    readonly base: BaseEnvironment;
    readonly place: Place;
    readonly listen: { readonly host: string; readonly port: number } | null;
  },
): Record<string, string> {
  const { base, place, listen } = where;
  const path = [
    join(place.cwd, 'node_modules/.bin'),
    ...(place.cwd === place.root ? [] : [join(place.root, 'node_modules/.bin')]),
    join(place.cwd, '.venv/bin'),
    dirname(process.execPath),
    base.path,
  ];
  return {
    PATH: path.join(delimiter),
    HOME: place.home,
    TMPDIR: place.temp,
    LANG: base.lang ?? 'C.UTF-8',
    ...(base.timeZone === undefined ? {} : { TZ: base.timeZone }),
    NODE_ENV: 'production',
    // What npm says about itself is no output of the app.
    npm_config_update_notifier: 'false',
    PYTHONUNBUFFERED: '1',
    SIGNALBOX_APP: workload.app,
    SIGNALBOX_ENVIRONMENT: workload.environment,
    SIGNALBOX_SERVICE: workload.service,
    ...declared,
    ...(listen === null ? {} : { PORT: String(listen.port), HOST: listen.host }),
  };
}
