import { after, before, describe } from 'node:test';
import { migrate, startApi } from './programs.js';
import { findPostgres } from './postgres.js';
import { findRedis } from './redis.js';

const parts = { postgres: await findPostgres(), redis: await findRedis() };
after(async () => {
  await parts.redis.stop?.();
  await parts.postgres.stop?.();
});

/** Runs a suite where PostgreSQL and Redis are to be had, else skips it with the reason. It gets them, and `freshEnv`. */
export function withServers(name, suite) {
  const skip = parts.postgres.skip ?? parts.redis.skip;
  if (skip) {
    console.log(`${name}: skipped, ${skip}`);
    describe(name, () => {
      describe('all of it', { skip }, () => {});
    });
    return;
  }
  /** What the programs need to find an empty, migrated database and Redis. */
  const freshEnv = async () => {
    const env = { DATABASE_URL: await parts.postgres.createDatabase(), REDIS_URL: parts.redis.url };
    const { code, output } = await migrate(env);
    if (code !== 0) throw new Error(output);
    return env;
  };
  describe(name, () => suite({ ...parts, freshEnv }));
}

/** The same with an API that is started before and ended after the suite: `site.api`. */
export function withApi(name, suite, settings = {}) {
  withServers(name, (servers) => {
    const site = { api: undefined, env: undefined };
    before(async () => {
      site.env = { TRUSTED_PROXIES: '1', PUBLIC_URL: 'http://tasks.test', ...(await servers.freshEnv()), ...settings };
      site.api = await startApi(site.env);
    });
    after(() => site.api?.end());
    suite(site, servers);
  });
}
