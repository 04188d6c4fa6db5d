import { readFile, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { appNameOf, parseAppFile } from '../config/load.ts';
import { namePattern } from '../config/schema.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { Invocation } from './invocation.ts';
import { findWorkTree } from './work-tree.ts';

/** The app of the current folder, unless `--app` names another folder or an app. @throws NO_APP_HERE */
export async function whichApp({ app, cwd, variables }: Invocation): Promise<string> {
  if (app === undefined) return nameIn(cwd, variables);
  const folder = isAbsolute(app) ? app : resolve(cwd, app);
  if (/[/.]/.test(app)) {
    if (await isFolder(folder)) return nameIn(folder, variables);
    throw new SignalboxError('NO_APP_HERE', `There is no folder ${app}.`);
  }
  if (namePattern.test(app)) return app;
  if (await isFolder(folder)) return nameIn(folder, variables);
  throw new SignalboxError('NO_APP_HERE', `${JSON.stringify(app)} is neither a folder nor the name of an app.`);
}

/** The folder a deploy or plan is about: the one named, else `--app`, else the current one. @throws NO_APP_HERE */
export async function whichFolder({ app, cwd }: Invocation, folder: string | undefined): Promise<string> {
  const chosen = resolve(cwd, folder ?? app ?? '.');
  if (await isFolder(chosen)) return chosen;
  throw new SignalboxError('NO_APP_HERE', `There is no folder ${folder ?? app ?? '.'}.`, { hint: 'Name the folder of the app.' });
}

/** What `signalbox.yaml` calls the app, else its folder's name. A mistake elsewhere in the file does not hide the name. */
export async function nameIn(folder: string, variables: Readonly<Record<string, string>>): Promise<string> {
  const { appRoot } = await findWorkTree(folder, variables);
  for (const file of ['signalbox.yaml', 'signalbox.yml']) {
    const text = await readFile(join(appRoot, file), 'utf8').catch(() => null);
    if (text !== null) return namedIn(file, text) ?? appNameOf(basename(appRoot));
  }
  return appNameOf(basename(appRoot));
}

function namedIn(file: string, text: string): string | undefined {
  try {
    return parseAppFile(file, text).file.app;
  } catch {
    return /^app:[ \t]*["']?([a-z][a-z0-9-]{0,39})["']?[ \t]*(?:#.*)?$/m.exec(text)?.[1];
  }
}

const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() === true;
