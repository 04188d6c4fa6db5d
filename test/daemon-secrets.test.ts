import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../src/adapters/clock/system/clock.ts';
import { homeLayout } from '../src/config/home.ts';
import { openSecrets } from '../src/daemon-secrets.ts';
import { instant } from '../src/domain/values.ts';

it.each([
  ['vault', 'HashiCorp Vault'],
  ['aws', 'AWS Secrets Manager'],
] as const)('refuses %s by what is missing, and keeps nothing elsewhere instead', async (provider, name) => {
  const root = mkdtempSync(join(tmpdir(), 'daemon-secrets-'));
  try {
    const on = { home: homeLayout(root, 0), clock: systemClock(instant(0)) };
    await expect(openSecrets({ provider, passphrase: null }, on)).rejects.toMatchObject({
      code: 'SECRETS_PROVIDER_MISSING',
      message: expect.stringContaining(name) as string,
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
