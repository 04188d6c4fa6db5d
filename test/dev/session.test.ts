import { sessionSuite } from './session-suite.ts';

sessionSuite({ words: [], env: {} });
