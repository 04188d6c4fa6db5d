import type { StepSpec } from '../../../src/domain/pipeline/spec.ts';
import type { Release } from '../../../src/domain/release.ts';
import { millis, type RunId } from '../../../src/domain/values.ts';
import type { RunPlanner, StepLogs } from '../../../src/ports/pipeline.ts';

/** A declared step of the only service: a command of the machine by its text. */
export const step = (run: string, more: Partial<StepSpec> = {}): StepSpec => ({
  name: run.split(' ').at(-1) ?? run,
  run,
  service: 'web' as StepSpec['service'],
  needs: [],
  env: {},
  timeout: millis(60_000),
  retries: 0,
  optional: false,
  ...more,
});

/** Builds first, then what `steps` says at that time. */
export const drawnPlanner = (releaseOf: (sha: string) => Release, steps: () => readonly StepSpec[]): RunPlanner => ({
  plan: async ({ sha }) => {
    const release = releaseOf(sha);
    return {
      subject: release.subject,
      timeout: millis(600_000),
      steps: [
        ...release.services.map(({ service, build }) => ({
          name: `build:${service}`,
          needs: [],
          work: { type: 'build' as const, service, recipe: build },
        })),
        ...steps().map((spec) => {
          const own = release.services.find(({ service }) => service === spec.service) ?? release.services[0];
          if (own === undefined) throw new Error('A release without services.');
          return {
            name: spec.name,
            needs: [`build:${spec.service}`, ...spec.needs],
            work: { type: 'command' as const, spec, recipe: own.build },
          };
        }),
      ],
    };
  },
});

/** Logs in memory. */
export function memoryLogs(): StepLogs & { readonly texts: Map<string, string[]> } {
  const texts = new Map<string, string[]>();
  return {
    texts,
    open: async ({ run, step: name }, onLine) => {
      const lines: string[] = [];
      texts.set(`${run}/${name}`, lines);
      return {
        line: (text) => {
          lines.push(text);
          onLine(text);
        },
        tail: () => lines.slice(-40),
        close: async () => undefined,
      };
    },
    read: async ({ run, step: name }, { after, limit }) => {
      const all = texts.get(`${run}/${name}`) ?? [];
      const lines = all.map((text, index) => ({ number: index + 1, text })).slice(after, after + limit);
      return { lines, next: lines.at(-1)?.number ?? after };
    },
    prune: async (_app, keep) => {
      for (const key of texts.keys()) if (!keep.has(key.split('/')[0] as RunId)) texts.delete(key);
    },
  };
}
