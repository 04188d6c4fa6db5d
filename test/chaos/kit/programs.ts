import { join } from 'node:path';
import { checkoutRoot } from '../../../bench/load/program.ts';

/** The control plane's compiled program. */
export const daemonOf = (): string => join(checkoutRoot(), 'dist/daemon.js');
