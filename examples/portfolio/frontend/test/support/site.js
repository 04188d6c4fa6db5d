const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { existsSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const root = join(__dirname, '..', '..');

/** An API that answers as `answer` says: (method, path, body) -> { status, body }. Remembers what it was asked. */
async function startApi(answer) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push({ method: request.method, path: request.url, headers: request.headers, body });
    const { status = 200, body: reply = {} } = answer(request.method, request.url, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop };
}

/** Serves the built site on a free port, as `npm start` does. */
async function startSite(env) {
  if (!existsSync(join(root, '.next', 'BUILD_ID'))) throw new Error('There is no build to test. Run "npm run build" first.');
  const child = spawn(process.execPath, [join(root, 'node_modules/next/dist/bin/next'), 'start'], {
    cwd: root,
    env: { PATH: process.env.PATH, PORT: '0', NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const port = await new Promise((resolve, reject) => {
    let found;
    createInterface(child.stdout).on('line', (line) => {
      output.push(line);
      found ??= line.match(/http:\/\/localhost:(\d+)/)?.[1];
      if (line.includes('Ready')) resolve(found);
    });
    child.on('exit', (code) => reject(new Error(`next start ended with ${code}:\n${output.join('\n')}`)));
    setTimeout(() => reject(new Error(`next start was not ready in 60 s:\n${output.join('\n')}`)), 60_000).unref();
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url: `http://127.0.0.1:${port}`, output, stop };
}

module.exports = { startApi, startSite };
