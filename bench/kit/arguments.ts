import { parseArgs } from 'node:util';

export type RuntimeName = 'process' | 'docker';

/**
 * `--name value` options of a bench, numbers all; `--quick` takes the second of the two defaults, `--runtime docker` puts the instances of
 * a bench that can do so into containers.
 * @throws TypeError for an unknown option or runtime, or a value that is no number.
 */
export function readArguments<Name extends string>(
  presets: Readonly<Record<Name, readonly [full: number, quick: number]>>,
  runtimes: readonly RuntimeName[] = ['process'],
): Readonly<Record<Name, number>> & { readonly quick: boolean; readonly runtime: RuntimeName } {
  const names = Object.keys(presets) as Name[];
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      runtime: { type: 'string' },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  const quick = given['quick'] === true;
  const runtime = runtimes.find((name) => name === (given['runtime'] ?? 'process'));
  if (runtime === undefined) throw new TypeError(`--runtime takes ${runtimes.join(' or ')}, not ${String(given['runtime'])}`);
  const numbers = names.map((name) => {
    const value = given[name] === undefined ? presets[name][quick ? 1 : 0] : Number(given[name]);
    if (!Number.isFinite(value)) throw new TypeError(`--${name} takes a number, not ${String(given[name])}`);
    return [name, value] as const;
  });
  return { ...(Object.fromEntries(numbers) as Record<Name, number>), quick, runtime };
}
