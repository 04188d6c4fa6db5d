import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { InstalledPackages } from '../workplace.ts';

interface Content {
  readonly image?: string;
  readonly from?: Readonly<Record<string, string>>;
}

/** What packages were made from, by folder, in a file beside them. */
export function packageRecord(file: string): InstalledPackages {
  const read = (): Content => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Content;
    } catch {
      return {};
    }
  };
  const write = (content: Content): void => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.draft`, JSON.stringify(content));
    renameSync(`${file}.draft`, file);
  };
  return {
    madeFrom: (folder) => read().from?.[folder],
    made: (folder, from) => {
      const known = read();
      write({ ...known, from: { ...known.from, [folder]: from } });
    },
    madeIn: (image) => {
      if (read().image !== image) write({ image });
    },
  };
}
