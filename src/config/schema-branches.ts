import { z } from 'zod';

const branchError = 'a branch such as main, a pattern such as release/* (* stays within a /, ** does not), or false for none';

/** Key of an environment: pushes to which branch are deployed to it. */
export const branchKey = () =>
  z
    .union(
      [
        z.literal(false, { error: branchError }),
        z
          .string({ error: branchError })
          .max(200, { error: branchError })
          .regex(/^(?!refs\/)[A-Za-z0-9*?][A-Za-z0-9._/+@#*?-]*$/, { error: branchError })
          .refine((rule) => !/\/\/|\.\.|@\{|[./]$|\/\.|\.lock(?:\/|$)/.test(rule), { error: branchError }),
      ],
      { error: branchError },
    )
    .optional()
    .meta({
      description:
        'Branch, or pattern of branches, whose pushes are deployed here; false: none. Default: production follows main or master, whichever was pushed first; others follow none.',
    });
