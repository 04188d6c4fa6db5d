import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Query } from '../../../src/adapters/store/sqlite/calls.ts';
import { type Database, migrate, openDatabase } from '../../../src/adapters/store/sqlite/database.ts';
import * as queries from '../../../src/adapters/store/sqlite/queries.ts';
import type { RolloutId } from '../../../src/domain/values.ts';
import { aRelease, production, shop, shopKey } from '../../conformance/store-documents.ts';
import { temporaryFolder } from './programs.ts';

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await temporaryFolder();
  database = openDatabase(join(folder, 'signalbox.db'), 1000);
  migrate(database);
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

const plan = (query: Query): string =>
  database
    .all(`EXPLAIN QUERY PLAN ${query.sql}`, query.parameters)
    .map((row) => String(row['detail']))
    .join('; ');

const page = { limit: 50 };
const rollout = 'a1' as RolloutId;
const id = aRelease(7).id;

/** Pages that walk a list of any length stop after `limit` rows when the walk follows the order and nothing is filtered on the way. */
const walks = /^SCAN event$|^SCAN rollout USING INDEX sqlite_autoindex_rollout_1$/;

describe('every read is served by an index and sorts nothing', () => {
  const cases: Record<string, Query> = {
    'an app': queries.oneApp('shop'),
    'an environment': queries.oneEnvironment(shopKey),
    'a release': queries.oneRelease(id),
    'a workload': queries.oneWorkload('w' as never),
    'a rollout': queries.oneRollout('a1'),
    'the newest releases': queries.releasePage(shopKey, page),
    'older releases': queries.releasePage(shopKey, { limit: 50, before: id }),
    'older rollouts': queries.rolloutPage({}, { limit: 50, before: 'a1' }),
    'rollouts of an environment': queries.rolloutPage({ environment: shopKey }, page),
    'older rollouts of an environment': queries.rolloutPage({ environment: shopKey }, { limit: 50, before: 'a1' }),
    'events after one': queries.eventPage({ after: 5, limit: 50 }),
    'events of an app': queries.eventPage({ app: shop, limit: 50 }),
    'the newest events of an app': queries.eventPage({ app: shop, newest: true, limit: 50 }),
    'events of an app after one': queries.eventPage({ app: shop, after: 5, limit: 50 }),
    'events of an app and environment': queries.eventPage({ app: shop, environment: production, limit: 50 }),
    'the newest events of an app and environment': queries.eventPage({
      app: shop,
      environment: production,
      newest: true,
      limit: 50,
    }),
    'events of an environment': queries.eventPage({ environment: production, newest: true, limit: 50 }),
    'events of a rollout': queries.eventPage({ rollout, limit: 50 }),
    'deliveries of an app': queries.deliveryPage({ app: shop }, page),
    'older deliveries of an app': queries.deliveryPage({ app: shop }, { limit: 50, before: 'a1' }),
    'a delivery by its name': queries.deliveryPage({ app: shop, name: 'n' }, page),
    'deliveries of one body': queries.deliveryPage({ app: shop, digest: 'd' }, page),
    'events of a rollout, app and environment': queries.eventPage({
      rollout,
      app: shop,
      environment: production,
      after: 5,
      limit: 50,
    }),
  };
  for (const [name, query] of Object.entries(cases)) {
    it(name, () => {
      expect(plan(query)).toMatch(/^SEARCH /);
      expect(plan(query)).not.toMatch(/SCAN|TEMP B-TREE/);
    });
  }

  it('pages without any filter walk the primary key', () => {
    for (const query of [
      queries.rolloutPage({}, page),
      queries.eventPage({ limit: 50 }),
      queries.eventPage({ newest: true, limit: 50 }),
    ]) {
      expect(plan(query)).toMatch(walks);
    }
  });

  it('active rollouts come from the small index of active ones, with an environment too', () => {
    for (const filter of [{ active: true }, { active: true, environment: shopKey }]) {
      expect(plan(queries.rolloutPage(filter, page))).toMatch(/rollout_active|rollout_environment/);
      expect(plan(queries.rolloutPage(filter, page))).not.toContain('TEMP B-TREE');
    }
    expect(plan(queries.rolloutPage({ active: true }, page))).toContain('rollout_active');
  });

  it('deliveries to be worked off come from the small index of open ones', () => {
    expect(plan(queries.deliveryPage({ open: true }, page))).toContain('delivery_open');
    expect(plan(queries.deliveryPage({ open: true }, page))).not.toContain('TEMP B-TREE');
  });

  it('events of a rollout come from its own narrow index, whatever else is asked', () => {
    expect(plan(queries.eventPage({ rollout, app: shop, environment: production, limit: 5 }))).toContain('event_rollout');
    expect(plan(queries.eventPage({ app: shop, environment: production, limit: 5 }))).toContain('event_app_environment');
  });
});
