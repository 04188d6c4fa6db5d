import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StaticPool } from '../../domain/route-table.ts';

/** One static pool, ready to serve. */
export class StaticSite {
  readonly #pool: StaticPool;

  constructor(pool: StaticPool) {
    this.#pool = pool;
  }

  matches(pool: StaticPool): boolean {
    return JSON.stringify(pool) === JSON.stringify(this.#pool);
  }

  serve(_req: IncomingMessage, res: ServerResponse, _path: string): void {
    res.writeHead(404).end();
  }

  close(): void {}
}
