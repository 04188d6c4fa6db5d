import { z } from 'zod';
import type { Membership } from '../organisations/access.ts';

const cursor = (error: string, most: number) =>
  z
    .string({ error })
    .regex(/^[1-9]\d{0,8}$/, { error })
    .transform(Number)
    .refine((value) => value <= most, { error });

export const querySchema = z.strictObject({
  /** `active`: open or doing. */
  status: z.enum(['open', 'doing', 'done', 'active'], { error: 'is not one of open, doing, done, active' }).optional(),
  assignee: z.union([z.enum(['me', 'none']), z.uuid()], { error: 'is neither me, none nor the id of a member' }).optional(),
  search: z.string({ error: 'is given twice' }).max(200, { error: 'has more than 200 characters' }).optional(),
  /** The `next` of the page before. */
  after: cursor('is not the `next` of a page', 999_999_999).optional(),
  limit: cursor('is not a number from 1 to 100', 100).default(25),
});

export interface Condition {
  /** SQL whose first parameter is the organisation. */
  readonly where: string;
  readonly values: readonly unknown[];
}

/** The tasks of the asking member's organisation that the query means. */
export function conditionOf({ organisationId, userId }: Membership, query: z.output<typeof querySchema>): Condition {
  const values: unknown[] = [organisationId];
  const parts = ['t.organisation_id = $1'];
  const given = (value: unknown): string => `$${values.push(value)}`;

  if (query.status === 'active') parts.push("t.status <> 'done'");
  else if (query.status !== undefined) parts.push(`t.status = ${given(query.status)}`);
  if (query.assignee === 'none') parts.push('t.assignee_id IS NULL');
  else if (query.assignee !== undefined) parts.push(`t.assignee_id = ${given(query.assignee === 'me' ? userId : query.assignee)}`);
  if (query.after !== undefined) parts.push(`t.number < ${given(query.after)}`);
  const words = wordsOf(query.search ?? '');
  if (words !== undefined) {
    const number = /^\s*#?([1-9]\d{0,8})\s*$/.exec(query.search ?? '')?.[1];
    const found = `t.words @@ to_tsquery('simple', ${given(words)})`;
    parts.push(number === undefined ? found : `(${found} OR t.number = ${given(Number(number))})`);
  } else if (query.search?.trim()) parts.push('false');
  return { where: parts.join(' AND '), values };
}

/** Every word has to begin one of the task's words. Undefined: nothing that can be looked for. */
export function wordsOf(search: string): string | undefined {
  const words = search.normalize('NFC').toLowerCase().split(/[^\p{L}\p{N}\p{M}]+/u).filter((word) => word !== '');
  return words.length === 0 ? undefined : words.slice(0, 8).map((word) => `'${word}':*`).join(' & ');
}
