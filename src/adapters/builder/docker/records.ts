import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What is known of an image besides what the engine says: one file per app and build key. Losing one loses no image. */
export interface ImageRecord {
  readonly app: string;
  readonly service: string;
  readonly key: string;
  readonly sha: string;
  /** Milliseconds since 1970. */
  readonly builtAt: number;
  /** `sha256:…`; null: the build failed, and only its layers are here. */
  readonly image: string | null;
  /** `<registry>/<repository>@sha256:…` once pushed. */
  readonly pushed: string | null;
  /** What the build made on its way: its cache for the next one. */
  readonly layers: readonly string[];
}

export interface ImageRecords {
  get(app: string, key: string): Promise<ImageRecord | null>;
  put(record: ImageRecord): Promise<void>;
  remove(app: string, key: string): Promise<void>;
  all(): Promise<readonly ImageRecord[]>;
}

/** @param folder absolute; made when something is put into it. */
export function imageRecords(folder: string): ImageRecords {
  const fileOf = (app: string, key: string): string => join(folder, app, `${key}.json`);
  const read = async (file: string): Promise<ImageRecord | null> => {
    const text = await readFile(file, 'utf8').catch(() => null);
    try {
      const record = JSON.parse(text ?? 'null') as ImageRecord | null;
      return record !== null && typeof record.key === 'string' && Array.isArray(record.layers) ? record : null;
    } catch {
      return null;
    }
  };
  return {
    get: (app, key) => read(fileOf(app, key)),
    async put(record) {
      const file = fileOf(record.app, record.key);
      await mkdir(dirname(file), { recursive: true, mode: 0o755 });
      await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o644 });
      await rename(`${file}.new`, file);
    },
    remove: (app, key) => rm(fileOf(app, key), { force: true }),
    async all() {
      const found: ImageRecord[] = [];
      for (const app of await readdir(folder).catch(() => []))
        for (const name of await readdir(join(folder, app)).catch(() => [])) {
          const record = name.endsWith('.json') ? await read(join(folder, app, name)) : null;
          if (record !== null) found.push(record);
        }
      return found;
    },
  };
}
