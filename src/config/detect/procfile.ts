import type { DetectedService, Detection, Finding } from './finding.ts';
import type { Folder } from './folder.ts';
import { detectNode } from './node.ts';
import { readPackageJson } from './package-json.ts';
import { detectPython, gunicorn, inVenv, pythonBuild, requirements } from './python.ts';

/** Services of a Procfile: `web` gets the route, `release` becomes its release command, every other line is a worker. */
export async function detectProcfile(folder: Folder): Promise<Detection | undefined> {
  const text = await folder.read('Procfile');
  if (text === null) return undefined;
  const lines = text.split('\n').flatMap((line, index) => {
    const match = /^([A-Za-z][\w-]*)\s*:\s*(\S.*)$/.exec(line.trim());
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ name: match[1], command: match[2], line: index + 1 }];
  });
  if (lines.length === 0) return undefined;
  const release = lines.find(({ name }) => name === 'release')?.command;
  const node = (await readPackageJson(folder)) !== null;
  const app = node ? await detectNode(folder) : await detectPython(folder);
  const build = app?.service.build ?? (node ? undefined : pythonBuild((await requirements(folder)).arguments));
  const around = (command: string): string =>
    node ? `export PATH="$PWD/node_modules/.bin:$PATH"; ${command}` : `export ${inVenv}; ${loadedFirst(command)}`;
  const services = lines
    .filter(({ name }) => name !== 'release')
    .map(({ name, command }): DetectedService => {
      const web = name === 'web';
      return {
        name: serviceName(name),
        path: '.',
        run: around(command),
        persist: app?.service.persist ?? [],
        ...(build === undefined ? {} : { build }),
        ...(web ? { route: '/' } : {}),
        ...(web && app?.service.health !== undefined ? { health: app.service.health } : {}),
        ...(web && release !== undefined ? { release: around(release) } : {}),
      };
    });
  const findings = lines.map(
    ({ name, command, line }): Finding => ({ kind: 'choice', text: `${name}: ${command}`, file: 'Procfile', line }),
  );
  return { services, findings: [...findings, ...(app?.findings ?? []).slice(1)], singlePage: {} };
}

export const serviceName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 40) || 'web';

/** A plain gunicorn command, nothing around it. */
function loadedFirst(command: string): string {
  const words = /^gunicorn\s+([^&|;<>]+)$/.exec(command)?.[1];
  return words === undefined ? command : gunicorn(words, 'gunicorn');
}
