import { makePlace } from '../adapters/runtime-process/place.ts';
import { runtimeSuite } from './runtime.ts';

runtimeSuite('process', makePlace);
