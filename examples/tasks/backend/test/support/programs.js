import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');
const clean = { PATH: process.env.PATH, NO_COLOR: '1' };

/** Runs a program of this folder to its end. */
export async function run(script, env) {
  const child = spawn(process.execPath, [join(root, script)], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code, output };
}

export const migrate = (env) => run('database/run-migrations.js', env);

/** Starts the built API on a free port. */
export async function startApi(env) {
  const api = start('dist/api.js', { PORT: '0', HOST: '127.0.0.1', ...env });
  const line = await api.line(/listening on http/);
  return { ...api, url: line.msg.match(/http:\S+/)[0] };
}

export async function startMailer(env) {
  const mailer = start('dist/mailer.js', env);
  await mailer.line(/waiting for mails/);
  return mailer;
}

/** A program that logs JSON: `lines` so far, `line(pattern)` the first whose message matches, `end(signal)`, `exit` its code. */
function start(script, env) {
  const child = spawn(process.execPath, [join(root, script)], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  const watchers = new Set();
  const note = (text) => {
    let line;
    try {
      line = JSON.parse(text);
    } catch {
      line = { msg: text };
    }
    lines.push(line);
    for (const watcher of watchers) watcher();
  };
  createInterface(child.stdout).on('line', note);
  createInterface(child.stderr).on('line', note);
  const exited = once(child, 'exit').then(([code]) => code);
  const end = async (signal = 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return await exited;
  };
  const line = async (pattern, withinMs = 20_000) => {
    const say = () => lines.map((found) => JSON.stringify(found)).join('\n');
    return await new Promise((resolve, reject) => {
      const finish = (act) => {
        clearTimeout(timer);
        watchers.delete(look);
        act();
      };
      const timer = setTimeout(() => finish(() => reject(new Error(`${script} did not log ${pattern}:\n${say()}`))), withinMs);
      const look = () => {
        const found = lines.find(({ msg }) => pattern.test(msg));
        if (found) finish(() => resolve(found));
      };
      watchers.add(look);
      exited.then((code) => finish(() => reject(new Error(`${script} ended with ${code}:\n${say()}`))));
      look();
    }).catch(async (error) => {
      await end();
      throw error;
    });
  };
  return { lines, line, end, exited, pid: child.pid };
}
