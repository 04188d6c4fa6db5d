import { z } from 'zod';
import { Problem } from './problem.ts';

/** @throws Problem 422 with a reason per field. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input ?? {});
  if (result.success) return result.data;
  const fields: Record<string, string> = {};
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) fields[key] ??= 'is not known';
    else fields[issue.path.join('.') || 'body'] ??= issue.message;
  }
  throw new Problem(422, 'not-valid', 'Some fields are not valid.', { fields });
}

/** Text on one line, without surrounding space. */
export const line = (most: number) =>
  z
    .string({ error: 'is required' })
    .transform((text) => text.normalize('NFC').replace(/\s+/g, ' ').trim())
    .refine((text) => text.length > 0, { error: 'is required' })
    .refine((text) => text.length <= most, { error: `has more than ${most} characters` })
    .refine((text) => !unprintable.test(text), { error: 'has characters that cannot be shown' });

/** Text that may have several lines, and may be empty. */
export const prose = (most: number) =>
  z
    .string({ error: 'has to be text' })
    .transform((text) => text.normalize('NFC').replace(/\r\n?/g, '\n').trim())
    .refine((text) => text.length <= most, { error: `has more than ${most} characters` })
    .refine((text) => !unprintable.test(text), { error: 'has characters that cannot be shown' });

// PostgreSQL refuses NUL; the others have no business in a text.
const unprintable = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

export const email = () =>
  z
    .string({ error: 'is required' })
    .transform((text) => text.trim().toLowerCase())
    .refine((text) => text.length <= 254 && z.email().safeParse(text).success, { error: 'is not an e-mail address' });

/** A calendar date such as 2026-03-31 that exists. */
export const day = () => z.iso.date({ error: 'is not a date such as 2026-03-31' }).refine((text) => text >= '1970' && text < '3000', { error: 'is out of range' });

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
