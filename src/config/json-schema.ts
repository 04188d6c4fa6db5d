import { z } from 'zod';
import { appSchema } from './schema.ts';

export type JsonSchema = { readonly [key: string]: unknown };

let made: JsonSchema | undefined;

/** The published schema of signalbox.yaml: what one may write, short forms included. */
export function publishedSchema(): JsonSchema {
  made ??= { ...z.toJSONSchema(appSchema, { io: 'input', target: 'draft-2020-12' }) };
  return made;
}

/** `schema/signalbox.schema.json` as it has to be. */
export const publishedSchemaText = (): string => `${JSON.stringify(publishedSchema(), null, 2)}\n`;

/** Keys that may stand at a path of the file; empty where names are free. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  let here: JsonSchema[] = [publishedSchema()];
  for (const segment of path) here = here.flatMap(branches).flatMap((schema) => step(schema, segment));
  return here.flatMap(branches).flatMap((schema) => Object.keys(record(schema.properties) ?? {}));
}

function branches(schema: JsonSchema): JsonSchema[] {
  const reference = typeof schema.$ref === 'string' ? /^#\/\$defs\/(.+)$/.exec(schema.$ref)?.[1] : undefined;
  const target = reference === undefined ? undefined : record(record(publishedSchema().$defs)?.[reference]);
  const lists = [schema.anyOf, schema.allOf].flatMap((list) => (Array.isArray(list) ? (list as JsonSchema[]) : []));
  return [schema, ...(target === undefined ? [] : branches(target)), ...lists.flatMap(branches)];
}

function step(schema: JsonSchema, segment: PropertyKey): JsonSchema[] {
  if (typeof segment === 'number') return [record(schema.items)].filter((item) => item !== undefined);
  const own = record(record(schema.properties)?.[String(segment)]);
  return [own ?? record(schema.additionalProperties)].filter((item) => item !== undefined);
}

const record = (value: unknown): JsonSchema | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : undefined;
