import { loadAppSpec } from '../../src/config/load.ts';
import { dockerfile, type DockerfileOptions } from '../../src/blueprints/dockerfile.ts';
import { type BlueprintInput, gatherInput } from '../../src/blueprints/input.ts';
import { gatherImageFacts } from '../../src/blueprints/image/gather.ts';
import { memoryReader } from '../config/memory-reader.ts';

export type Files = Readonly<Record<string, string>>;

/** Text of the Dockerfile that is made for a service of a repository of texts. */
export async function dockerfileOf(files: Files, service = 'web', options: DockerfileOptions = {}): Promise<string> {
  const reader = memoryReader(files);
  const { spec } = await loadAppSpec(reader);
  return dockerfile(await gatherImageFacts(reader, spec, service), options);
}

export async function inputOf(files: Files): Promise<BlueprintInput> {
  const reader = memoryReader(files);
  return gatherInput(reader, (await loadAppSpec(reader)).spec);
}

export const packageJson = (given: Readonly<Record<string, unknown>>): string => JSON.stringify({ name: 'app', ...given });
