import type { ImageFacts } from './facts.ts';

/**
 * The command that asks a running container whether it is healthy, by the runtime that is in the image anyway (slim images have no
 * curl). Undefined: being up is all there is. Only 2xx is healthy, a redirect never is.
 */
export function probeCommand(facts: Pick<ImageFacts, 'language' | 'health' | 'port'>): readonly string[] | undefined {
  const { health, language, port } = facts;
  if (port === undefined || health.type === 'up') return undefined;
  if (language === 'static') return ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${port}/`];
  if (language === 'node') return ['node', '-e', health.type === 'http' ? nodeHttp(health.path, port) : nodePort(port)];
  return ['python3', '-c', health.type === 'http' ? pythonHttp(health.path, port) : pythonPort(port)];
}

const nodeHttp = (path: string, port: number): string =>
  `fetch('http://127.0.0.1:'+(process.env.PORT||${port})+${quoted(path)},{redirect:'manual'}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`;

const nodePort = (port: number): string =>
  `require('net').connect(process.env.PORT||${port},'127.0.0.1').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))`;

const pythonHttp = (path: string, port: number): string =>
  [
    'import http.client,os,sys',
    `c=http.client.HTTPConnection('127.0.0.1',int(os.environ.get('PORT',${port})))`,
    `c.request('GET',${quoted(path)})`,
    'sys.exit(0 if 200<=c.getresponse().status<300 else 1)',
  ].join(';');

const pythonPort = (port: number): string =>
  `import os,socket;socket.create_connection(('127.0.0.1',int(os.environ.get('PORT',${port}))))`;

/** A literal of both languages. */
const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
