import type { z } from 'zod';

/** One call of the API. Routing, checks and the OpenAPI description all come from this table. */
export interface Operation {
  readonly method: 'get' | 'post';
  /** Parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  /** Schema of a JSON body; `bundle`: a git bundle as it is; `webhook`: whatever a forge sends. */
  readonly request?: z.ZodType | 'bundle' | 'webhook';
  readonly status: 200 | 202 | 204;
  readonly answer?: z.ZodType;
  /** Server-sent events by name; beside `answer` when the client may choose by its `accept` header. */
  readonly events?: Readonly<Record<string, z.ZodType>>;
  /** Looks at who asks, as the header `signalbox-by` says. */
  readonly asker?: true;
  /** Needs no token. */
  readonly open?: true;
}
