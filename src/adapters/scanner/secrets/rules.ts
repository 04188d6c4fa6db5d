import type { Severity } from '../../../domain/scan.ts';

/** A form that only secrets have. Every expression is linear: its repetitions are bounded or cannot overlap. */
export interface SecretRule {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** Global; the secret is the group `secret`, or else the whole match. */
  readonly pattern: RegExp;
  readonly fix: string;
  /** Characters at the beginning of the secret that say nothing but its kind. */
  readonly shown: number;
}

const revoke = (where: string): string =>
  `Revoke it at ${where}, make a new one and give it to the app as a secret; removing the line is not enough.`;

const rule = (
  id: string,
  title: string,
  pattern: RegExp,
  more: { where: string; shown?: number; severity?: Severity },
): SecretRule => ({
  id,
  title,
  pattern,
  severity: more.severity ?? 'critical',
  fix: revoke(more.where),
  shown: more.shown ?? 4,
});

export const rules: readonly SecretRule[] = [
  // A header alone stands in many texts; the key is what follows it.
  rule(
    'private-key',
    'A private key',
    /-----BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY-----(?:\s|\\[nr]|["'+,]){1,20}(?:(?:Proc-Type|DEK-Info)[^\n]{0,100}\n\s{0,4}){0,3}(?<secret>[A-Za-z0-9+/=]{40,100})/g,
    { where: 'whoever trusts the key', shown: 0 },
  ),
  rule(
    'pgp-private-key',
    'A private key of PGP',
    /-----BEGIN PGP PRIVATE KEY BLOCK-----\s{1,4}[^\n]{0,80}\n(?<secret>[A-Za-z0-9+/=\s]{40,100})/g,
    {
      where: 'the key servers',
      shown: 0,
    },
  ),
  rule('age-secret-key', 'A secret key of age', /\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b/g, {
    where: 'whoever encrypts to it',
  }),
  rule('aws-access-key-id', 'An access key id of AWS', /(?<![A-Za-z0-9+/])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9+/])/g, {
    where: 'AWS IAM',
    severity: 'high',
  }),
  rule(
    'aws-secret-access-key',
    'A secret access key of AWS',
    /aws_?(?:secret_?)?(?:access_?)?key["']?\s{0,4}[:=]\s{0,4}["']?(?<secret>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])/gi,
    { where: 'AWS IAM', shown: 0 },
  ),
  rule('github-token', 'A token of GitHub', /\bgh[pousr]_[A-Za-z0-9]{36,251}\b/g, { where: 'GitHub' }),
  rule('github-fine-grained-token', 'A token of GitHub', /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/g, {
    where: 'GitHub',
    shown: 11,
  }),
  rule('gitlab-token', 'A token of GitLab', /\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,64}(?![A-Za-z0-9_-])/g, {
    where: 'GitLab',
    shown: 6,
  }),
  rule('slack-token', 'A token of Slack', /\bxox[abepors]-(?:\d-)?(?:\d{8,14}-){1,3}[A-Za-z0-9-]{10,100}/g, {
    where: 'Slack',
    shown: 5,
  }),
  rule('slack-app-token', 'A token of Slack', /\bxapp-\d-[A-Z0-9]{8,14}-\d{8,14}-[a-f0-9]{32,80}/g, { where: 'Slack', shown: 5 }),
  rule(
    'slack-webhook',
    'The address of a Slack webhook',
    /hooks\.slack\.com\/(?:services|workflows)\/(?<secret>T[A-Z0-9]{7,14}\/[AB][A-Z0-9]{7,14}\/[A-Za-z0-9]{18,40})/g,
    { where: 'Slack', severity: 'high', shown: 0 },
  ),
  rule('stripe-live-key', 'A live key of Stripe', /\b[rs]k_live_[A-Za-z0-9]{16,250}\b/g, { where: 'Stripe', shown: 8 }),
  rule('stripe-test-key', 'A test key of Stripe', /\b[rs]k_test_[A-Za-z0-9]{16,250}\b/g, {
    where: 'Stripe',
    shown: 8,
    severity: 'medium',
  }),
  rule('stripe-webhook-secret', 'The secret of a Stripe webhook', /\bwhsec_[A-Za-z0-9+/]{24,64}\b/g, {
    where: 'Stripe',
    shown: 6,
    severity: 'high',
  }),
  rule('npm-token', 'A token of npm', /\bnpm_[A-Za-z0-9]{36}\b/g, { where: 'npm' }),
  rule(
    'npm-auth',
    'A token of a package registry',
    /:_(?:authToken|password|auth)\s{0,4}=\s{0,4}(?<secret>(?=[A-Za-z+/=_-]{0,60}\d)[A-Za-z0-9+/=_-]{16,250})/g,
    {
      where: 'the registry',
      shown: 0,
    },
  ),
  rule('google-api-key', 'A key of Google', /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g, {
    where: 'the Google Cloud console',
    severity: 'high',
  }),
  rule('google-oauth-secret', 'A client secret of Google', /\bGOCSPX-[A-Za-z0-9_-]{28}(?![A-Za-z0-9_-])/g, {
    where: 'the Google Cloud console',
    shown: 7,
  }),
  rule('sendgrid-key', 'A key of SendGrid', /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g, {
    where: 'SendGrid',
    shown: 3,
  }),
  rule('anthropic-key', 'A key of Anthropic', /\bsk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{60,140}/g, { where: 'Anthropic', shown: 7 }),
  rule('openai-key', 'A key of OpenAI', /\bsk-(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{16,100}T3BlbkFJ[A-Za-z0-9_-]{16,100}/g, {
    where: 'OpenAI',
    shown: 3,
  }),
  rule('digitalocean-token', 'A token of DigitalOcean', /\bdo[opr]_v1_[a-f0-9]{64}\b/g, { where: 'DigitalOcean', shown: 7 }),
  rule('pypi-token', 'A token of PyPI', /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}/g, { where: 'PyPI', shown: 5 }),
  rule('vault-token', 'A token of Vault', /\bhv[sbr]\.[A-Za-z0-9_-]{24,200}(?![A-Za-z0-9_-])/g, { where: 'Vault', shown: 4 }),
  rule('azure-storage-key', 'The key of an Azure storage account', /AccountKey=(?<secret>[A-Za-z0-9+/]{86}==)/g, {
    where: 'Azure',
    shown: 0,
  }),
  rule(
    'discord-webhook',
    'The address of a Discord webhook',
    /discord(?:app)?\.com\/api\/webhooks\/\d{16,20}\/(?<secret>[A-Za-z0-9_-]{60,80})/g,
    { where: 'Discord', severity: 'high', shown: 0 },
  ),
];

/**
 * Where one of the rules may match: a quick look at a whole file before any rule is tried. A test holds it against every rule.
 */
export const anchors =
  /-----BEGIN |AGE-SECRET|AKIA|ASIA|aws_?(?:secret|access|key)|gh[pousr]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-|xox[abepors]-|xapp-|hooks\.slack|k_live_|k_test_|whsec_|npm_|:_(?:auth|password)|AIza|GOCSPX-|SG\.|sk-|do[opr]_v1|pypi-Ag|hv[sbr]\.|AccountKey=|\/api\/webhooks\//i;
