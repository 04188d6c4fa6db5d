import { expect, test } from 'vitest';
import { publishedSchema, publishedSchemaText } from '../../src/config/json-schema.ts';

const file = new URL('../../schema/signalbox.schema.json', import.meta.url);

test('the published schema is fresh (npx vitest run test/config/schema.test.ts -u writes it)', async () => {
  await expect(publishedSchemaText()).toMatchFileSnapshot(file.pathname);
});

test('every key has a sentence', () => {
  const bare: string[] = [];
  const walk = (schema: unknown, at: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    for (const [key, value] of Object.entries(schema as Record<string, unknown>)) {
      if (key === 'properties')
        for (const [name, property] of Object.entries(value as Record<string, { description?: string }>))
          if (property.description === undefined) bare.push(`${at}.${name}`);
      walk(value, `${at}.${key}`);
    }
  };
  walk(publishedSchema(), '');
  expect(bare).toEqual([]);
});
