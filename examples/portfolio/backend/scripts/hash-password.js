'use strict';

// Reads a password from standard input and prints the value for ADMIN_PASSWORD_HASH:
//   printf %s 'my password' | npm run -s hash-password

const { randomBytes, scryptSync } = require('node:crypto');
const { readFileSync } = require('node:fs');

const password = readFileSync(0, 'utf8').replace(/\r?\n$/, '');
if (password.length < 12) {
  console.error('The password needs at least 12 characters.');
  process.exit(1);
}

const [cost, blockSize, parallelization] = [32768, 8, 1];
const salt = randomBytes(16);
const hash = scryptSync(password, salt, 32, { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize });
console.log(['scrypt', cost, blockSize, parallelization, salt.toString('base64url'), hash.toString('base64url')].join(':'));
