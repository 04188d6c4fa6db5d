import { resolve } from 'node:path';
import { type HomeLayout, homeLayout } from '../config/home.ts';
import { namePattern } from '../config/schema.ts';
import { loadSettings, processEnvironment, type Settings } from '../config/settings.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { connectApi } from './connect.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** Options that every verb knows. */
export interface CommonOptions {
  readonly app?: string;
  readonly env?: string;
  readonly json?: boolean;
  readonly home?: string;
}

/** What a verb is given: the place, the settings and where to speak. */
export interface Invocation {
  readonly settings: Settings;
  readonly home: HomeLayout;
  readonly terminal: Terminal;
  /** `--app` as it was given: a folder or a name. */
  readonly app: string | undefined;
  /** `--env`; `production` unless said otherwise. */
  readonly environment: string;
  readonly environmentGiven: boolean;
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Connects on the first call. @throws BAD_SETTING, HOME_UNUSABLE; the calls throw CONTROL_PLANE_UNREACHABLE. */
  api(): Promise<ApiClient>;
}

/** @throws BAD_SETTING, WRONG_USAGE */
export function openInvocation(options: CommonOptions, terminal: Terminal): Invocation {
  if (options.env !== undefined && !namePattern.test(options.env))
    throw new SignalboxError(
      'WRONG_USAGE',
      `--env ${JSON.stringify(options.env)} names no environment: expected 1 to 40 lower-case letters, digits and inner dashes, a letter first.`,
    );
  const loaded = loadSettings();
  const home = options.home === undefined ? loaded.home : resolve(options.home);
  // A home that is named on the command line is meant, whatever SIGNALBOX_URL says.
  const settings: Settings = { ...loaded, home, remote: options.home === undefined ? loaded.remote : null };
  const layout = homeLayout(home, process.getuid?.() ?? 0);
  return {
    settings,
    home: layout,
    terminal,
    app: options.app,
    environment: options.env ?? 'production',
    environmentGiven: options.env !== undefined,
    variables: processEnvironment(),
    cwd: process.cwd(),
    api: () => connectApi(settings, layout),
  };
}

export const openStandardTerminal = (json: boolean): Terminal =>
  openTerminal({ json, color: (processEnvironment()['NO_COLOR'] ?? '') === '', out: process.stdout, err: process.stderr });
