import { describe, expect, it } from 'vitest';
import { argvOf } from '../../../src/adapters/runtime/docker/container-body.ts';

describe('a command line', () => {
  it('of plain words needs no shell in the image', () => {
    expect(argvOf('node  server.js --port=80 ')).toEqual(['node', 'server.js', '--port=80']);
  });

  it('of several lines is a script: each line is a command of its own', () => {
    const script = 'npm run migrate\nnpm run seed';
    expect(argvOf(`${script}\n`)).toEqual(['/bin/sh', '-c', script]);
    expect(argvOf('npm run migrate\r\nnpm run seed')[0]).toBe('/bin/sh');
  });

  it.each(['A=b node x', 'exec node x', 'node $X', 'a && b', 'a;b', 'a | b', 'echo "x"', 'ls ~', 'ls *.js', 'a > b', 'a # b'])(
    'with a meaning to a shell gets one: %s',
    (command) => {
      expect(argvOf(command)).toEqual(['/bin/sh', '-c', command]);
    },
  );
});
