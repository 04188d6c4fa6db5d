import type { ClientAnswer, ClientRequest } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import type { Placement } from './placement.ts';
import type { RequestHead } from './request-head.ts';
import type { StaticSite } from './static/site.ts';

/** Everything that one request for a file needs. */
export interface StaticRequest {
  readonly req: ClientRequest;
  readonly res: ClientAnswer;
  readonly head: RequestHead;
  readonly placement: Placement;
  readonly site: StaticSite;
}

/** Serves a file and counts it like any other answer of the release. */
export function serveStatic(context: ProxyContext, { req, res, placement, site }: StaticRequest): void {
  const { counter, cookie, path, edge } = placement;
  const startedAt = performance.now();
  if (edge) for (const { name, value } of edge.headers) res.setHeader(name, value);
  if (cookie !== undefined) res.setHeader('set-cookie', cookie);
  if (context.finishing) res.setHeader('connection', 'close');
  if (counter) {
    counter.requests += 1;
    counter.inFlight += 1;
    res.on('close', () => {
      counter.inFlight -= 1;
      if (!res.headersSent) return;
      counter.answered(res.statusCode, performance.now() - startedAt);
      if (res.statusCode < 500) return;
      counter.errors += 1;
      counter.dropped += 1;
      context.counters.onError();
    });
  }
  void site.serve({ req, res, path, prefix: placement.prefix ?? '' });
}
