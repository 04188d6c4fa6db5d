import { describe, expect, test } from 'vitest';
import { logHint } from '../../src/cli/log-hint.ts';

/** Lines as programs really print them. */
const said: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a database that is not there',
    ['Error: connect ECONNREFUSED 127.0.0.1:6379', '  code: 1'],
    /port 6379, where Redis usually is/,
  ],
  ['one on IPv6', ['MongooseServerSelectionError: connect ECONNREFUSED ::1:27017'], /27017, where MongoDB/],
  [
    'one that Python misses',
    ['connection to server at "127.0.0.1", port 5432 failed: Connection refused'],
    /port 5432, where PostgreSQL/,
  ],
  ['a host name that nobody knows', ['Error: getaddrinfo ENOTFOUND db'], /The name db is not known/],
  ['a Node package', ["Error: Cannot find module 'express'"], /express is not installed/],
  [
    'a scoped one',
    ["Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@hono/node-server' imported from x"],
    /@hono\/node-server is/,
  ],
  ['a Python module', ["ModuleNotFoundError: No module named 'flask_cors'"], /flask_cors is not installed/],
  ['a program', ['sh: 1: pm2: not found'], /program pm2 is neither/],
  ['a place outside of its folder', ["Error: EACCES: permission denied, mkdir '/etc/todos'"], /not to \/etc\/todos.*persist/],
  ['an old bundler', ["  code: 'ERR_OSSL_EVP_UNSUPPORTED'"], /openssl-legacy-provider/],
];

describe('what to do about the last lines of a failure', () => {
  test.each(said)('names %s', (_, lines, expected) => {
    expect(logHint(lines)).toMatch(expected);
  });

  test('is told by the last line that says something, not by an earlier one', () => {
    expect(logHint(["Cannot find module 'a'", 'sh: 1: next: not found', 'exited with code 127'])).toContain('program next');
  });

  test('is not made up when the lines say nothing that is known', () => {
    expect(logHint(['Error: the setting FOO is missing', "Cannot find module './local'", '    at Module._load'])).toBeUndefined();
  });
});
