import { SignalboxError } from '../domain/errors.ts';
import type { AppSpec } from '../domain/spec.ts';
import type { AppName } from '../domain/values.ts';
import { complete } from './complete.ts';
import { crossChecks } from './cross-checks.ts';
import { detect } from './detect/detect.ts';
import type { Finding } from './detect/finding.ts';
import { detectedFile } from './detect/to-file.ts';
import { servesSinglePage } from './detect/static-sites.ts';
import { type ConfigDocument, type KeyPath, parseConfigDocument } from './document.ts';
import { configError, type Mistake } from './mistakes.ts';
import { missingDockerfiles, withFoundDockerfiles } from './own-dockerfiles.ts';
import type { RepositoryReader } from './reader.ts';
import { repositoryPath } from './repository-path.ts';
import { type AppFile, appSchema, namePattern } from './schema.ts';
import { dotted, validate } from './validate.ts';

export interface LoadedApp {
  readonly spec: AppSpec;
  /** `file`: services as written; `detected`: services found by looking. */
  readonly origin: 'file' | 'detected';
  /** What detection saw; empty for `file`. */
  readonly findings: readonly Finding[];
}

const fileNames = ['signalbox.yaml', 'signalbox.yml'] as const;

/**
 * The app that a repository declares, every default filled in; without a file, or without `services` in it, the services are detected.
 * @throws CONFIG_INVALID with every mistake and its place, NOTHING_DETECTED
 */
export async function loadAppSpec(reader: RepositoryReader): Promise<LoadedApp> {
  const found: { name: string; text: string }[] = [];
  for (const name of fileNames) {
    const text = await reader.read(name);
    if (text !== null) found.push({ name, text });
  }
  if (found.length > 1) throw new SignalboxError('CONFIG_INVALID', `There are two files, ${fileNames.join(' and ')}; keep one.`);
  const [only] = found;
  return only === undefined ? loadDetected(reader, appSchema.parse({})) : loadFile(reader, only);
}

/** Name that an app gets from its folder: lower-case letters, digits and dashes, starting with a letter, at most 40 characters. */
export function appNameOf(folderName: string): AppName {
  const plain = folderName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\.git$/, '')
    .replace(/[^a-z0-9]+/g, '-');
  const name = plain
    .replace(/^[^a-z]+/, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return (namePattern.test(name) ? name : 'app') as AppName;
}

async function loadFile(reader: RepositoryReader, given: { name: string; text: string }): Promise<LoadedApp> {
  const { file: written, document } = parseAppFile(given.name, given.text);
  if (written.services === undefined) return loadDetected(reader, written, { name: given.name, document });
  const file = await withFoundDockerfiles(written, reader);
  const facts = {
    app: appName(file, reader),
    singlePage: await singlePages(file, reader),
    place: (path: KeyPath) => document.place(path),
  };
  const spec = complete(file, facts);
  const mistakes = [
    ...crossChecks(file, spec, document),
    ...(await missingFolders(file, document, reader)),
    ...(await missingDockerfiles(written, document, reader)),
  ];
  if (mistakes.length > 0) throw configError(given.name, mistakes);
  return { spec, origin: 'file', findings: [] };
}

/** Text to a file that the schema accepts. @throws CONFIG_INVALID */
export function parseAppFile(name: string, text: string): { file: AppFile; document: ConfigDocument } {
  const parsed = parseConfigDocument(text);
  if ('mistakes' in parsed) throw configError(name, parsed.mistakes);
  const validated = validate(parsed.document);
  if ('mistakes' in validated) throw configError(name, validated.mistakes);
  return { file: validated.file, document: parsed.document };
}

async function loadDetected(
  reader: RepositoryReader,
  file: AppFile,
  source?: { name: string; document: ConfigDocument },
): Promise<LoadedApp> {
  const app = appName(file, reader);
  const detection = await detect(reader);
  const detected = appSchema.parse(detectedFile(detection));
  const whole: AppFile = { ...file, services: detected.services, smoke: file.smoke.length > 0 ? file.smoke : detected.smoke };
  const spec = complete(whole, { app, singlePage: detection.singlePage });
  const nowhere: ConfigDocument = { value: {}, place: () => ({ line: 1, column: 1 }) };
  const mistakes = crossChecks(whole, spec, source?.document ?? nowhere);
  if (mistakes.length > 0) throw configError(source?.name ?? 'signalbox.yaml', mistakes);
  return { spec, origin: 'detected', findings: detection.findings };
}

const appName = (file: AppFile, reader: RepositoryReader): AppName =>
  file.app === undefined ? appNameOf(reader.folderName) : (file.app as AppName);

async function singlePages(file: AppFile, reader: RepositoryReader): Promise<Record<string, boolean>> {
  const answers: Record<string, boolean> = {};
  for (const [name, service] of Object.entries(file.services ?? {})) {
    if (service.static === undefined) continue;
    answers[name] = await servesSinglePage(reader, {
      path: repositoryPath(service.path) ?? '.',
      built: service.build !== undefined,
    });
  }
  return answers;
}

/** Folders that the file names and the repository (at this commit) does not have. */
async function missingFolders(file: AppFile, document: ConfigDocument, reader: RepositoryReader): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  for (const [name, service] of Object.entries(file.services ?? {})) {
    const folder = repositoryPath(service.path) ?? '.';
    if (folder === '.' || (await reader.list(folder, 1)).length > 0) continue;
    const path = ['services', name, 'path'];
    mistakes.push({
      ...document.place(path),
      at: dotted(path),
      text: `the repository has no folder ${folder} (only committed files count)`,
    });
  }
  return mistakes;
}
