/** Made-up secrets of every form, put together here so that no file of this repository holds one. */

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789';

/** The same for the same seed, and without any pattern. */
export function drawn(length: number, alphabet = letters, seed = 7): string {
  let state = seed;
  let text = '';
  while (text.length < length) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += alphabet[Math.floor(state / 65_536) % alphabet.length] ?? '';
  }
  return text;
}

const hex = '0123456789abcdef';
const digits = '0123456789';
const upper = 'ABCDEFGHJKLMNPQRSTUVWXYZ234567';

const pem = (kind: string): string => `-----BEGIN ${kind}-----\n${drawn(64)}\n${drawn(64, letters, 8)}\n-----END ${kind}-----\n`;

/** By the rule that finds it: a line, or some, of a file. */
export const samples: Readonly<Record<string, string>> = {
  'private-key': pem('RSA PRIVATE KEY'),
  'pgp-private-key': `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${drawn(64)}\n${drawn(64, letters, 8)}\n`,
  'age-secret-key': `AGE-SECRET-KEY-1${drawn(58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L')}`,
  'aws-access-key-id': `const id = 'AKIA${drawn(16, upper)}';`,
  'aws-secret-access-key': `aws_secret_access_key = ${drawn(40)}`,
  'github-token': `token: ghp_${drawn(36)}`,
  'github-fine-grained-token': `github_pat_${drawn(22)}_${drawn(59)}`,
  'gitlab-token': `glpat-${drawn(20)}`,
  'slack-token': `xoxb-${drawn(11, digits)}-${drawn(12, digits, 9)}-${drawn(24)}`,
  'slack-app-token': `xapp-1-${drawn(11, upper)}-${drawn(13, digits)}-${drawn(64, hex)}`,
  'slack-webhook': `https://hooks.slack.com/services/T${drawn(9, upper)}/B${drawn(9, upper)}/${drawn(24)}`,
  'stripe-live-key': `sk_live_${drawn(24)}`,
  'stripe-test-key': `sk_test_${drawn(24)}`,
  'stripe-webhook-secret': `whsec_${drawn(32)}`,
  'npm-token': `npm_${drawn(36)}`,
  'npm-auth': `//registry.acme.dev/:_authToken=${drawn(36, hex)}`,
  'google-api-key': `key=AIza${drawn(35)}`,
  'google-oauth-secret': `GOCSPX-${drawn(28)}`,
  'sendgrid-key': `SG.${drawn(22)}.${drawn(43)}`,
  'anthropic-key': `sk-ant-api03-${drawn(80)}`,
  'openai-key': `sk-proj-${drawn(40)}T3BlbkFJ${drawn(40)}`,
  'digitalocean-token': `dop_v1_${drawn(64, hex)}`,
  'pypi-token': `pypi-AgEIcHlwaS5vcmc${drawn(60)}`,
  'vault-token': `hvs.${drawn(28)}`,
  'azure-storage-key': `AccountKey=${drawn(86)}==;EndpointSuffix=core.windows.net`,
  'discord-webhook': `https://discord.com/api/webhooks/${drawn(18, digits)}/${drawn(68)}`,
};
