import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stateOf } from '../../src/blueprints/generated.ts';
import { gatherInput } from '../../src/blueprints/input.ts';
import { blueprints } from '../../src/blueprints/registry.ts';
import { folderReader } from '../../src/config/folder-reader.ts';
import { loadAppSpec } from '../../src/config/load.ts';

const root = fileURLToPath(new URL('../../examples/', import.meta.url));
const examples = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe('what is committed for the examples is what would be made now (signalbox generate)', () => {
  it('finds examples', () => {
    expect(examples.length).toBeGreaterThan(3);
  });

  it.each(examples.map(({ name }) => name))('%s', async (name) => {
    const reader = folderReader(`${root}${name}`);
    const input = await gatherInput(reader, (await loadAppSpec(reader)).spec);
    const files = blueprints.flatMap((blueprint) => blueprint.make(input));
    const states = await Promise.all(files.map(async (file) => `${file.path} ${stateOf(await reader.read(file.path), file)}`));
    expect(states.filter((state) => !state.endsWith(' current'))).toEqual([]);
  });
});
