import type { AcceptedBody, PlanBody } from '../api/contract.ts';
import type { PromotionBody } from '../api/contract/environments.ts';
import type { ApiClient } from './client.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { submitRollout } from './submit-rollout.ts';
import { nameIn, whichApp, whichFolder } from './which-app.ts';

export interface PromotionOptions {
  /** Environment that has tested what is deployed; undefined: a source is sent. */
  readonly from?: string;
  readonly release?: string;
  readonly force?: boolean;
  readonly forceWindow?: string;
  readonly strategy?: PromotionBody['strategy'] & string;
}

/** The app that is meant. Its repository need not be here: the control plane keeps the sources of its releases. */
export const promotedApp = async (invocation: Invocation, folder: string | undefined): Promise<string> =>
  folder === undefined ? whichApp(invocation) : nameIn(await whichFolder(invocation, folder), invocation.variables);

export function promotionBody(from: string, options: PromotionOptions): PromotionBody {
  const { release, force, forceWindow, strategy } = options;
  return {
    from,
    ...(release === undefined ? {} : { release }),
    ...(force === undefined ? {} : { force }),
    ...(forceWindow === undefined ? {} : { forceWindow }),
    ...(strategy === undefined ? {} : { strategy }),
  };
}

/** Asks for the promotion once, like any rollout. */
export function submitPromotion(
  api: ApiClient,
  of: { readonly app: string; readonly environment: string; readonly body: PromotionBody; readonly by: string },
): Promise<AcceptedBody> {
  const { app, environment, body, by } = of;
  return submitRollout(api, {
    path: environmentPath(app, environment),
    collection: 'promotions',
    body,
    by,
    isOurs: ({ kind, promotedFrom }) => kind === 'deploy' && promotedFrom?.environment === body.from,
  });
}

export const planPromotion = (
  api: ApiClient,
  of: { readonly app: string; readonly environment: string; readonly body: PromotionBody; readonly by: string },
): Promise<PlanBody> => api.post<PlanBody>(`${environmentPath(of.app, of.environment)}/promotions/plan`, of.body, { by: of.by });
