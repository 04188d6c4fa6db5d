import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FileFacts, Files } from './files.ts';
import { versionReferences } from './rewrite.ts';

/** Larger pages are served as they are. */
const rewrittenBytes = 2 * 1024 * 1024;
const keptBytes = 16 * 1024 * 1024;

export interface Page {
  /** False: nothing in it needed a version, the file itself is served. */
  readonly rewritten: boolean;
  readonly body: Buffer;
  readonly etag: string;
}

/** Pages with versioned references, kept in bounded memory. */
export class Pages {
  readonly #kept = new Map<string, Page>();
  #bytes = 0;

  async of(
    source: { readonly files: Files; readonly relative: string; readonly handle: FileHandle; readonly facts: FileFacts },
    prefix: string,
  ): Promise<Page | undefined> {
    const { files, relative, handle, facts } = source;
    if (facts.size > rewrittenBytes) return undefined;
    const key = `${facts.etag} ${prefix} ${relative}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const original = Buffer.allocUnsafe(facts.size);
    const { bytesRead } = await handle.read(original, 0, original.length, 0);
    // Bytes stay bytes: a page in another encoding than UTF-8 comes out as it went in.
    const html = original.subarray(0, bytesRead).toString('latin1');
    const versions = async (file: string): Promise<string | undefined> => (await files.facts(file))?.version;
    const rewritten = await versionReferences(html, { path: `/${relative}`, prefix }, versions);
    const changed = rewritten !== html;
    const body = changed ? Buffer.from(rewritten, 'latin1') : Buffer.alloc(0);
    const page = { rewritten: changed, body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
    this.#keep(key, page);
    return page;
  }

  #keep(key: string, page: Page): void {
    if (this.#bytes + page.body.length > keptBytes || this.#kept.size > 2_000) {
      this.#kept.clear();
      this.#bytes = 0;
    }
    this.#kept.set(key, page);
    this.#bytes += page.body.length;
  }
}
