import { describe, it } from 'vitest';
import { makePlace } from '../adapters/runtime-docker/place.ts';
import { testEngine } from '../docker/engine.ts';
import { runtimeSuite } from './runtime.ts';

const engine = testEngine();
if ('missing' in engine)
  describe('runtime: docker', () => it('passes the suite of every runtime', ({ skip }) => skip(engine.missing)));
else runtimeSuite('docker', () => makePlace(engine.socket));
