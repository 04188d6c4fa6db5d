'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const root = join(__dirname, '..', '..');
const clean = { PATH: process.env.PATH, NO_COLOR: '1' };

/** Runs a program of this folder to its end. */
async function run(script, env, options = {}) {
  const child = spawn(process.execPath, [join(root, script)], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code, output };
}

const migrate = (env) => run('database/run-migrations.js', env);

/** Starts the built API on a free port; returns its address, its output so far, and `stop`. */
async function startApi(env) {
  const child = spawn(process.execPath, [join(root, 'dist/main.js')], {
    env: { ...clean, PORT: '0', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      output.push(line);
      const address = line.match(/listening on (http:\S+)/)?.[1];
      if (address) resolve(address);
    });
    child.on('exit', (code) => reject(new Error(`the API ended with ${code}:\n${output.join('\n')}`)));
    setTimeout(() => reject(new Error(`the API did not start in 20 s:\n${output.join('\n')}`)), 20_000).unref();
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url, output, stop };
}

function hashOf(password) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'scripts/hash-password.js')], { input: password, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

module.exports = { hashOf, migrate, run, startApi };
