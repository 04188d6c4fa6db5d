import { z } from 'zod';
import { durationPattern, parseDuration } from './duration.ts';

/** `edge:` of the app and of its services: what stands between clients and the app. Completed by `complete-edge.ts`. */

const pathError = 'a path prefix that starts with / and has no query, encoding, empty or dot segments';
const prefix = () =>
  z
    .string({ error: pathError })
    .regex(/^\/(?:(?!\.{1,2}(?:\/|$))[^\s#?%;/\\]+(?:\/|$))*$/, { error: pathError })
    .max(1024, { error: pathError });

const duration = (least: string, most: string) => {
  const error = `a duration with its unit, such as 30s, 5m or 250ms, from ${least} to ${most}`;
  const within = (value: string): boolean => {
    const given = parseDuration(value) ?? -1;
    return given >= (parseDuration(least) ?? 0) && given <= (parseDuration(most) ?? 0);
  };
  return z.string({ error }).regex(durationPattern, { error }).refine(within, { error });
};

const count = (most: number) => {
  const error = `a whole number from 1 to ${most}`;
  return z.int({ error }).min(1, { error }).max(most, { error });
};

const off = (expected: string) => z.literal(['off', false], { error: expected });

/** What frames, routes or belongs to the app alone; a value from here would break answers or sessions. */
const refusedHeaders: Readonly<Record<string, string>> = Object.fromEntries([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-encoding',
    'content-range',
    'content-type',
    'date',
    'host',
    'location',
    'retry-after',
    'www-authenticate',
  ].map((name) => [name, 'a header that neither frames nor describes the answer']),
  ['set-cookie', 'a header that is the same for everybody; cookies are set by the app'],
  ['strict-transport-security', 'another header; this one comes with certificates'],
]);
const nameError = 'the name of a header, such as Content-Security-Policy';
const refusalOf = (name: string): string | undefined =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)
    ? Object.hasOwn(refusedHeaders, name.toLowerCase())
      ? refusedHeaders[name.toLowerCase()]
      : undefined
    : nameError;
const headerName = () =>
  z
    .string({ error: nameError })
    .refine((name) => refusalOf(name) === undefined, { error: ({ input }) => refusalOf(String(input)) ?? nameError });

const valueError = 'off, or the value of the header: one line of printable ASCII characters';
const headerValue = () =>
  z.union(
    [
      z.literal('off'),
      z.literal(false),
      z
        .string({ error: valueError })
        .regex(/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/, { error: valueError })
        .max(8192, { error: valueError }),
    ],
    { error: valueError },
  );

const sameNames = 'each header once, whatever its case';
const headersSchema = () =>
  z
    .record(headerName(), headerValue(), { error: 'headers as name: value, or name: off' })
    .refine((headers) => new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length, {
      error: sameNames,
    });

const sizeError = 'a size such as 500KiB, 10MiB or 2GiB';
const size = () => z.string({ error: sizeError }).regex(/^[1-9]\d{0,5}(?:KiB|MiB|GiB|TiB)$/, { error: sizeError });
const sizeOrOff = () => z.union([off(sizeError), size()], { error: `off, or ${sizeError}` });

const rateError = 'off, a rule { requests, per, burst, paths }, or a list of rules';
const ruleSchema = z
  .strictObject(
    {
      requests: count(1_000_000).meta({ description: 'How many requests a client may make in each `per`.' }),
      per: duration('1s', '1d').default('1s').meta({ description: 'The time for `requests`.' }),
      burst: count(1_000_000).optional().meta({ description: 'How many of them may come at once. Default: `requests`.' }),
      by: z
        .enum(['client', 'all'], { error: 'client or all' })
        .default('client')
        .meta({ description: 'client: each address (IPv6: each /64) on its own; all: everybody together.' }),
      paths: z
        .array(prefix(), { error: 'a list of path prefixes such as [/api/login]' })
        .min(1, { error: 'at least one path prefix' })
        .max(50, { error: 'at most 50 path prefixes' })
        .default(['/'])
        .meta({ description: 'Path prefixes, as clients ask for them, that count together. Default: all.' }),
      local: z
        .boolean({ error: 'true or false' })
        .default(true)
        .meta({ description: 'Whether addresses of this machine and of private networks count, too.' }),
    },
    { error: rateError },
  )
  .meta({ id: 'rate', description: 'How often clients may ask.' });

const httpsError = 'redirect, or off';
const hstsError = 'off, or a duration such as 180d';

export const edgeSchema = z
  .strictObject(
    {
      headers: headersSchema().optional().meta({
        description:
          'Headers for answers that do not carry them themselves; off takes a preset away. Preset: X-Content-Type-Options: nosniff, Referrer-Policy: strict-origin-when-cross-origin, X-Frame-Options: SAMEORIGIN.',
      }),
      rate: z
        .union([off(rateError), ruleSchema, z.array(ruleSchema, { error: rateError }).max(20, { error: 'at most 20 rules' })], {
          error: rateError,
        })
        .optional()
        .meta({
          description:
            'How often clients may ask; beyond that they get 429 with Retry-After. Preset, unless a rule for all paths takes its place: 100 requests per second and client, 2000 at once, local addresses not counted.',
        }),
      maxBody: z
        .union([off(sizeError), size(), z.record(prefix(), sizeOrOff(), { error: 'sizes as path prefix: size' })], {
          error: `off, ${sizeError}, or sizes by path prefix`,
        })
        .optional()
        .meta({
          description: 'Largest request body, for all paths or by path prefix; more gets 413. Default: 100MiB.',
        }),
      https: z
        .union([off(httpsError), z.literal('redirect')], { error: httpsError })
        .optional()
        .meta({
          description:
            'What clients hear that come over HTTP while there is a valid certificate for the host: redirect (preset) sends them to HTTPS, off serves them.',
        }),
      hsts: z
        .union([off(hstsError), duration('1s', '730d')], { error: hstsError })
        .optional()
        .meta({
          description:
            'How long clients remember to use HTTPS alone for the host (Strict-Transport-Security). Default: 180d; off with `https: off`.',
        }),
      bodyTimeout: duration('1s', '1h')
        .optional()
        .meta({ description: 'Longest silence inside a request body; then it gets 408. Default: 30s.' }),
    },
    { error: 'edge safety: { headers, rate, maxBody, bodyTimeout, https, hsts }' },
  )
  .meta({ id: 'edge', description: 'What stands between clients and the app.' });

export type EdgeFile = z.output<typeof edgeSchema>;

/** The key as it stands in the app and in a service. */
export const edgeKey = (description: string) => edgeSchema.optional().meta({ description });
