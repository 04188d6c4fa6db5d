import { z } from 'zod';
import { apiVersion } from './contract.ts';
import type { Operation } from './operation.ts';
import { operations, parameters } from './operations.ts';
import { problemBody } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 description, printed from the table of operations. @param version of the product. */
export function describeApi(version: string): Json {
  const schemas: Record<string, unknown> = {};
  const refer = (schema: z.ZodType, io: 'input' | 'output' = 'output'): Json => {
    const {
      $schema: _,
      $defs,
      ...body
    } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' }) as Record<string, unknown>;
    for (const [name, shape] of Object.entries(($defs as Json | undefined) ?? {})) schemas[name] = relocated(shape);
    const name = body['id'];
    if (typeof name !== 'string') return relocated(body) as Json;
    const { id: _id, ...rest } = body;
    schemas[name] = relocated(rest);
    return { $ref: `#/components/schemas/${name}` };
  };
  const problem = { description: 'Refused or failed', content: { 'application/problem+json': { schema: refer(problemBody) } } };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const content = answerContent(operation, refer);
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: {
        operationId: name,
        summary: operation.summary,
        ...(operation.open === true ? { security: [] } : {}),
        parameters: [...pathParameters(operation, refer), ...queryParameters(operation), ...askerParameter(operation)],
        ...(operation.request === undefined ? {} : { requestBody: requestBody(operation.request, refer) }),
        responses: {
          [operation.status]: {
            description: operation.status === 204 ? 'Done' : 'The answer',
            ...(content === null ? {} : { content }),
          },
          default: problem,
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Signalbox', version, description: `The ${apiVersion} API of a Signalbox control plane.` },
    security: [{ token: [] }],
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}

type Refer = (schema: z.ZodType, io?: 'input' | 'output') => Json;

function answerContent(operation: Operation, refer: Refer): Json | null {
  const content: Record<string, unknown> = {};
  if (operation.answer !== undefined) content['application/json'] = { schema: refer(operation.answer) };
  if (operation.events !== undefined) {
    const events = Object.fromEntries(Object.entries(operation.events).map(([event, schema]) => [event, refer(schema)]));
    content['text/event-stream'] = { schema: { type: 'string', 'x-events': events } };
  }
  return Object.keys(content).length === 0 ? null : content;
}

function requestBody(request: z.ZodType | 'bundle' | 'webhook', refer: Refer): Json {
  if (request === 'bundle')
    return { required: true, content: { 'application/x-git-bundle': { schema: { type: 'string', format: 'binary' } } } };
  if (request === 'webhook')
    return {
      required: true,
      content: {
        'application/json': { schema: { type: 'object' } },
        'application/x-www-form-urlencoded': { schema: { type: 'object', properties: { payload: { type: 'string' } } } },
      },
    };
  return { required: true, content: { 'application/json': { schema: refer(request, 'input') } } };
}

function pathParameters(operation: Operation, refer: Refer): readonly Json[] {
  return [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: refer(parameters[name as keyof typeof parameters]),
  }));
}

function queryParameters(operation: Operation): readonly Json[] {
  if (operation.query === undefined) return [];
  const shape = z.toJSONSchema(operation.query, { io: 'input', unrepresentable: 'any' });
  const required = new Set(shape.required);
  return Object.entries(shape.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.has(name),
    schema,
  }));
}

const askerParameter = ({ asker }: Operation): readonly Json[] =>
  asker === undefined
    ? []
    : [
        {
          name: 'signalbox-by',
          in: 'header',
          required: false,
          description:
            'Who asks, percent-encoded, such as Ana%20on%20laptop; an environment that somebody else has locked refuses.',
          schema: { type: 'string', maxLength: 1000 },
        },
      ];

/** zod refers to `#/$defs/Name`; in the description these live under components. */
function relocated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== 'id' || typeof inner !== 'string')
      .map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', '#/components/schemas/') : relocated(inner),
      ]),
  );
}
