import { createReadStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunId } from '../domain/values.ts';
import type { StepLogs, StepOutput } from '../ports/pipeline.ts';
import { openBuildLog } from './build-log.ts';

/** @param folder of all logs; a step writes `<app>/runs/<run>/<step>.log`, at most 4 MiB and its last lines. */
export function stepLogs(folder: string): StepLogs {
  const runs = (app: string): string => join(folder, app, 'runs');
  const fileOf = ({ app, run, step }: StepOutput): string => join(runs(app), run, `${step.replaceAll(':', '.')}.log`);

  return {
    open: (of, onLine) => openBuildLog(fileOf(of), onLine),

    async read(of, { after, limit, find }) {
      const wanted = find?.toLowerCase();
      const lines: { number: number; text: string }[] = [];
      const input = createReadStream(fileOf(of), 'utf8');
      let number = 0;
      try {
        for await (const text of createInterface({ input, crlfDelay: Infinity })) {
          number += 1;
          if (number <= after || (wanted !== undefined && !text.toLowerCase().includes(wanted))) continue;
          lines.push({ number, text });
          if (lines.length >= limit) break;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      } finally {
        input.destroy();
      }
      return { lines, next: lines.length >= limit ? (lines.at(-1)?.number ?? after) : Math.max(number, after) };
    },

    async prune(app, keep) {
      const there = await readdir(runs(app)).catch((): string[] => []);
      for (const run of there) if (!keep.has(run as RunId)) await rm(join(runs(app), run), { recursive: true, force: true });
    },
  };
}
