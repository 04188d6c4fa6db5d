import { request } from 'node:http';

/** What an engine has of one app. */
export interface InEngine {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export const nothing: InEngine = { containers: [], networks: [], volumes: [] };

/** The engine's own API. */
export function askEngine<Body>(socket: string, path: string, method = 'GET'): Promise<Body> {
  return new Promise((resolve, reject) => {
    request({ socketPath: socket, path, host: 'docker', method }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text === '' ? 'null' : text) as Body));
    })
      .on('error', reject)
      .end();
  });
}

/** Labels name what is ours; `app` is a test's own. */
export async function foundInEngine(socket: string, app: string): Promise<InEngine> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`signalbox.app=${app}`] }));
  const containers = await askEngine<{ Names: string[] }[]>(socket, `/containers/json?all=true&filters=${filters}`);
  const networks = await askEngine<{ Name: string }[]>(socket, `/networks?filters=${filters}`);
  const volumes = await askEngine<{ Volumes: { Name: string }[] | null }>(socket, `/volumes?filters=${filters}`);
  return {
    containers: containers.map(({ Names }) => Names[0] ?? ''),
    networks: networks.map(({ Name }) => Name),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name),
  };
}

/** An app's name that no other run has. */
export const newApp = (): string => `desk${process.pid}${Math.random().toString(36).slice(2, 7)}`;
