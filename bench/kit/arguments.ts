import { parseArgs } from 'node:util';

/**
 * `--name value` options of a bench, numbers all; `--quick` takes the second of the two defaults.
 * @throws TypeError for an unknown option or a value that is no number.
 */
export function readArguments<Name extends string>(
  presets: Readonly<Record<Name, readonly [full: number, quick: number]>>,
): Readonly<Record<Name, number>> & { readonly quick: boolean } {
  const names = Object.keys(presets) as Name[];
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])) },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  const quick = given['quick'] === true;
  const numbers = names.map((name) => {
    const value = given[name] === undefined ? presets[name][quick ? 1 : 0] : Number(given[name]);
    if (!Number.isFinite(value)) throw new TypeError(`--${name} takes a number, not ${String(given[name])}`);
    return [name, value] as const;
  });
  return { ...(Object.fromEntries(numbers) as Record<Name, number>), quick };
}
