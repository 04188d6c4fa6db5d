import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { ProjectInput } from '../projects/project';

/** The fields as the form sends them. */
export interface ProjectFields {
  slug: string;
  title: string;
  summary: string;
  url: string;
  tags: string;
  year: string;
}

export function fieldsOf(body: unknown): ProjectFields {
  const sent = (body ?? {}) as Record<string, unknown>;
  const text = (name: string): string => (typeof sent[name] === 'string' ? sent[name] : '');
  return { slug: text('slug'), title: text('title'), summary: text('summary'), url: text('url'), tags: text('tags'), year: text('year') };
}

/** The project, or what is wrong with the fields. */
export async function readProject(fields: ProjectFields): Promise<{ input: ProjectInput } | { errors: string[] }> {
  const input = plainToInstance(ProjectInput, {
    ...fields,
    url: fields.url.trim() || undefined,
    tags: fields.tags.split(',').map((tag) => tag.trim()).filter(Boolean),
    year: fields.year.trim() || Number.NaN,
  });
  const errors = (await validate(input)).flatMap(({ constraints }) => Object.values(constraints ?? {}));
  return errors.length > 0 ? { errors } : { input };
}
