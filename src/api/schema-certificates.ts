import { z } from 'zod';
import type { CertificatesBody } from './contract.ts';

const count = z.int().min(0);

export const certificatesBody: z.ZodType<CertificatesBody> = z
  .strictObject({
    https: count.nullable(),
    certificates: z.array(
      z.strictObject({
        name: z.string(),
        names: z.array(z.string()),
        addresses: z.array(z.string()),
        key: z.enum(['ecdsa', 'rsa', 'ed25519']),
        issuer: z.string(),
        selfSigned: z.boolean(),
        notBefore: z.number(),
        notAfter: z.number(),
        fingerprint: z.string(),
      }),
    ),
    problems: z.array(z.strictObject({ code: z.string(), file: z.string(), message: z.string(), fix: z.string() })),
    exposed: z.boolean(),
    handshakes: z.strictObject({ done: count, failed: count, timedOut: count, evicted: count, unknownNames: count }).nullable(),
  })
  .meta({ id: 'Certificates' });
