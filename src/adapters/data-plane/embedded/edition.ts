import { createHash } from 'node:crypto';
import type { Pool, RouteTable, Split } from '../../../domain/route-table.ts';
import type { TableChange } from '../../../proxy/protocol.ts';
import { isSame } from './same.ts';

interface Part<Value> {
  readonly value: Value;
  readonly text: string;
}

type Parts<Value> = ReadonlyMap<string, Part<Value>>;

interface TableTexts {
  readonly splits: Parts<Split>;
  readonly pools: Parts<Pool>;
}

/** A table as it is delivered: whole, or as what differs from the one before, so that a small change of a large table is small. */
export class Edition {
  readonly table: RouteTable;
  /** Names the content; the stored table begins with it. */
  readonly digest: string;
  readonly #parts: TableTexts;
  readonly #change: TableChange | undefined;

  private constructor(table: RouteTable, digest: string, parts: TableTexts, before: Edition | undefined) {
    this.table = table;
    this.digest = digest;
    this.#parts = parts;
    // A table that names something twice is refused; only the whole shows it.
    const distinct = parts.splits.size === table.splits.length && parts.pools.size === table.pools.length;
    this.#change = distinct && before ? { ...this.#changeOf(before.digest), ...differences(parts, before.#parts) } : undefined;
  }

  /** @param before shares what is the same, and a change from it is kept. @returns also the content of the file on disk. */
  static of(table: RouteTable, before?: Edition): { readonly edition: Edition; readonly file: Buffer } {
    const known = before && before.#parts;
    const splits = partsOf(table.splits, (split) => split.key, known?.splits);
    const pools = partsOf(table.pools, (pool) => pool.id, known?.pools);
    const content = Buffer.from(
      `"version":${table.version},"epoch":${table.epoch},"splits":[${textOf(splits)}],"pools":[${textOf(pools)}],` +
        `"links":${JSON.stringify(table.links)}}`,
    );
    const digest = createHash('sha256').update(content).digest('hex');
    const file = Buffer.concat([Buffer.from(`{"digest":"${digest}",`), content]);
    return { edition: new Edition(table, digest, { splits, pools }, before), file };
  }

  has(pool: Pool): boolean {
    const part = this.#parts.pools.get(pool.id);
    return part !== undefined && isSame(part.value, pool);
  }

  /** What a worker lacks that serves the table of this digest; undefined when only the whole helps. */
  changeFrom(digest: string | null): TableChange | undefined {
    return digest === this.digest ? this.#changeOf(digest) : this.#change?.base === digest ? this.#change : undefined;
  }

  /** A change of nothing but what every change says. */
  #changeOf(base: string): TableChange {
    const { version, epoch, links } = this.table;
    return { base, digest: this.digest, version, epoch, links, splits: nothing, pools: nothing };
  }
}

const nothing = { put: [], drop: [] };

const differences = (now: TableTexts, then: TableTexts): Pick<TableChange, 'splits' | 'pools'> => ({
  splits: difference(now.splits, then.splits),
  pools: difference(now.pools, then.pools),
});

function difference<Value>(now: Parts<Value>, then: Parts<Value>): { readonly put: Value[]; readonly drop: string[] } {
  const put: Value[] = [];
  for (const [key, part] of now) if (then.get(key) !== part) put.push(part.value);
  const drop: string[] = [];
  for (const key of then.keys()) if (!now.has(key)) drop.push(key);
  return { put, drop };
}

/** Parts that are the same as before are those from before. */
function partsOf<Value>(values: readonly Value[], keyOf: (value: Value) => string, before?: Parts<Value>): Parts<Value> {
  const parts = new Map<string, Part<Value>>();
  for (const value of values) {
    const key = keyOf(value);
    const known = before?.get(key);
    parts.set(key, known && isSame(known.value, value) ? known : { value, text: JSON.stringify(value) });
  }
  return parts;
}

function textOf<Value>(parts: Parts<Value>): string {
  const texts: string[] = [];
  for (const { text } of parts.values()) texts.push(text);
  return texts.join(',');
}
