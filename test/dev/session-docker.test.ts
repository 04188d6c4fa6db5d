import { testEngine } from '../docker/engine.ts';
import { sessionSuite } from './session-suite.ts';

const engine = testEngine();

sessionSuite('missing' in engine ? engine : { words: ['--runtime', 'docker'], env: { SIGNALBOX_DOCKER_HOST: engine.host } });
