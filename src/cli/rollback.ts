import type { RollbackBody } from '../api/contract.ts';
import { reportAccepted } from './deploy.ts';
import type { ExitCode } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { watchRollout } from './rollout-view.ts';
import { submitRollout } from './submit-rollout.ts';
import { whichApp } from './which-app.ts';

export interface RollbackOptions {
  readonly to?: string;
  readonly force?: boolean;
  readonly until?: 'live';
  readonly detach?: boolean;
}

export async function rollback(invocation: Invocation, options: RollbackOptions): Promise<ExitCode> {
  const app = await whichApp(invocation);
  const api = await invocation.api();
  const { to, force = false } = options;
  const body: RollbackBody = { force, ...(to === undefined ? {} : { to }) };
  const accepted = await submitRollout(api, {
    path: environmentPath(app, invocation.environment),
    collection: 'rollbacks',
    body,
    isOurs: ({ kind }) => kind === 'rollback',
  });
  if (options.detach === true) return reportAccepted(invocation, accepted);
  return watchRollout(invocation, api, { id: accepted.rolloutId, until: options.until ?? 'end' });
}
