// Stands in for a proxy worker: serves HTTP on its inherited listeners and answers the control methods that the keeper uses.
import { spawn } from 'node:child_process';
import { openSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createControl } from 'node:net';

const config = JSON.parse(process.argv.at(-1));
const servers = config.listeners.map(({ fd, name }) => {
  const server = createServer((request, response) => {
    const wait = Number(new URL(request.url, 'http://worker').searchParams.get('ms') ?? 0);
    setTimeout(
      () => response.end(JSON.stringify({ pid: process.pid, listener: name, generation: config.generation ?? 1 })),
      wait,
    );
  });
  server.listen({ fd });
  return server;
});

const methods = {
  hello: () => ({ pid: process.pid }),
  finish: () => {
    for (const server of servers) server.close();
    const timer = setInterval(() => {
      for (const server of servers) server.closeIdleConnections();
      if (servers.every((server) => server._connections === 0)) process.exit(0);
    }, 10);
    timer.unref();
    return null;
  },
  'spawn-with-listeners': ({ argv, logFile }) => {
    const log = openSync(logFile, 'a');
    const fds = config.listeners.map(({ fd }) => fd);
    const inherited = config.listeners.map(({ name, host, port }, index) => ({ name, host, port, fd: 3 + index }));
    const [command, ...args] = argv;
    const child = spawn(command, [...args, JSON.stringify(inherited)], { detached: true, stdio: ['ignore', log, log, ...fds] });
    child.unref();
    return { pid: child.pid };
  },
};
const control = createControl((socket) => {
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const { id, method, params } = JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
      socket.write(`${JSON.stringify({ id, ok: true, result: methods[method](params) })}\n`);
    }
  });
});
const draft = `${config.controlSocket}.${process.pid}`;
const serveControl = () => control.listen(draft, () => renameSync(draft, config.controlSocket));
/** Whoever takes the file away is the slow one: it takes the socket's place just after the next one did. */
const slow = () => {
  try {
    unlinkSync(config.slowOnce ?? '');
    return true;
  } catch {
    return false;
  }
};
if (slow()) {
  process.on('SIGTERM', () => {});
  const before = statSync(config.controlSocket).ino;
  const look = setInterval(() => {
    if (statSync(config.controlSocket).ino === before) return;
    clearInterval(look);
    serveControl();
  }, 1);
} else serveControl();
