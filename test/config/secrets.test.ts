import { describe, expect, it } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { readSecretSettings } from '../../src/config/settings-secrets.ts';
import { resolveEnvironment } from '../../src/domain/environment.ts';
import { refuseMissingVariables } from '../../src/domain/required.ts';
import type { EnvironmentName } from '../../src/domain/values.ts';
import { memoryReader } from './memory-reader.ts';

const load = async (text: string) => (await loadAppSpec(memoryReader({ 'signalbox.yaml': `app: shop\n${text}` }))).spec;
const yaml = `services:
  web: { run: npm start, route: /, env: { A: '1', B: '2' }, secrets: [C, D], requires: [C, E] }
  api: { run: npm start, route: /api, secrets: { TOKEN: API_TOKEN } }
environments:
  production: { secrets: { B: SHARED, E: SHARED } }
  staging: { hosts: { web: s.test }, env: { D: plain, E: '5' } }
  bare: { hosts: { web: b.test }, env: { TOKEN: t } }
`;
const view = async (environment: string, options = {}) => {
  const { services } = resolveEnvironment(await load(yaml), environment as EnvironmentName, options);
  return Object.fromEntries(services.map(({ name, env, secrets }) => [name as string, { env, secrets }]));
};

describe('secrets in signalbox.yaml', () => {
  it('are given under their own name or another; the environment wins over the service, a secret over a variable', async () => {
    expect(await view('production')).toEqual({
      web: { env: { A: '1' }, secrets: { C: 'C', D: 'D', B: 'SHARED', E: 'SHARED' } },
      api: { env: {}, secrets: { TOKEN: 'API_TOKEN', B: 'SHARED', E: 'SHARED' } },
    });
    expect((await view('staging'))['web']).toEqual({ env: { A: '1', B: '2', D: 'plain', E: '5' }, secrets: { C: 'C' } });
    expect((await view('bare'))['api']).toEqual({ env: { TOKEN: 't' }, secrets: undefined });
  });

  it('are no part of development, where variables are one’s own', async () => {
    expect((await view('production', { dev: true }))['web']).toEqual({ env: { A: '1', B: '2' }, secrets: undefined });
  });

  it('count as given for what a service requires', async () => {
    const spec = await load(yaml);
    expect(() => refuseMissingVariables(resolveEnvironment(spec, 'production' as EnvironmentName))).not.toThrow();
    expect(() => refuseMissingVariables(resolveEnvironment(spec, 'bare' as EnvironmentName))).toThrow('web needs E');
  });

  it.each([
    [
      'both a variable and a secret',
      "services: { web: { run: x, route: /, env: { A: '1' }, secrets: [A] } }",
      'A stands under env as well',
    ],
    ['the port', 'services: { web: { run: x, route: /, secrets: [PORT] } }', 'PORT says where an instance is reached'],
    ['a secret of a static service', 'services: { web: { static: ., secrets: [A] } }', 'a static service has no run time'],
    ['a value', 'services: { web: { run: x, route: /, secrets: { A: not a name } } }', 'expected a name of letters'],
    ['a text', 'services: { web: { run: x, route: /, secrets: A } }', 'expected a list of names such as [STRIPE_KEY]'],
  ])('refuse %s', async (_what, text, message) => {
    await expect(load(`${text}\n`)).rejects.toThrow(message);
  });
});

describe('settings of secrets', () => {
  it('name where they are kept, and the passphrase of their key', () => {
    expect(readSecretSettings({})).toEqual({ provider: 'files', passphrase: null });
    expect(readSecretSettings({ SIGNALBOX_SECRETS: 'vault', SIGNALBOX_SECRETS_PASSPHRASE: 'long enough' })).toEqual({
      provider: 'vault',
      passphrase: 'long enough',
    });
  });

  it('refuse another place, and a short passphrase without quoting it', () => {
    expect(() => readSecretSettings({ SIGNALBOX_SECRETS: 'gcp' })).toThrow('expected files, vault or aws');
    expect(() => readSecretSettings({ SIGNALBOX_SECRETS_PASSPHRASE: 'short7!' })).toThrow(/^(?!.*short7!)/);
  });
});
