import { z } from 'zod';
import type { Operation } from './operation.ts';
import {
  diffBody,
  environmentName,
  environmentRowBody,
  lockBody,
  lockRequestBody,
  promotionBody,
  syncBody,
  unlockBody,
  unlockedBody,
} from './schema-environments.ts';
import { acceptedBody, environmentBody, listOf, planBody } from './schemas.ts';

const environment = '/v1/apps/{app}/environments/{environment}';

/** Calls that concern an environment as a whole. */
export const environmentOperations = {
  deployFrom: {
    method: 'post',
    path: `${environment}/promotions`,
    summary: 'Roll out what another environment has tested, as it was built there',
    request: promotionBody,
    asker: true,
    status: 202,
    answer: acceptedBody,
  },
  planFrom: {
    method: 'post',
    path: `${environment}/promotions/plan`,
    summary: 'What a promotion would do; changes nothing',
    request: promotionBody,
    asker: true,
    status: 200,
    answer: planBody,
  },
  environments: {
    method: 'get',
    path: '/v1/apps/{app}/environments',
    summary: 'Environments of an app that were ever deployed',
    status: 200,
    answer: listOf(environmentRowBody),
  },
  environment: {
    method: 'get',
    path: environment,
    summary: 'What an environment declares, and what runs',
    status: 200,
    answer: environmentBody,
  },
  diffEnvironments: {
    method: 'get',
    path: `${environment}/diff`,
    summary: 'What the releases with traffic of two environments differ in',
    query: z.strictObject({ with: environmentName }),
    status: 200,
    answer: diffBody,
  },
  lock: {
    method: 'post',
    path: `${environment}/lock`,
    summary: 'Keep the deploys, promotions and traffic changes of others away',
    request: lockRequestBody,
    asker: true,
    status: 200,
    answer: lockBody,
  },
  unlock: {
    method: 'post',
    path: `${environment}/unlock`,
    summary: 'Take a lock away',
    request: unlockBody,
    asker: true,
    status: 200,
    answer: unlockedBody,
  },
  sync: {
    method: 'post',
    path: `${environment}/sync`,
    summary: 'Have what runs follow what the release with traffic declares',
    asker: true,
    status: 200,
    answer: syncBody,
  },
} as const satisfies Record<string, Operation>;
