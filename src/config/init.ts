import { Document, isMap, isPair, isScalar, type Pair, visit, type YAMLMap } from 'yaml';
import { convertCompose } from './compose/convert.ts';
import { readCompose } from './compose/read.ts';
import { detect } from './detect/detect.ts';
import type { Detection, Finding } from './detect/finding.ts';
import { detectedFile } from './detect/to-file.ts';
import { appNameOf } from './load.ts';
import type { RepositoryReader } from './reader.ts';

export interface InitialFile {
  /** Text of signalbox.yaml. */
  readonly text: string;
  /** What was seen and why each choice was made, one line each. */
  readonly explanation: readonly string[];
}

const words: Readonly<Record<string, string>> = {
  run: ' gets PORT and HOST',
  build: ' makes the artifact; runs once per change of its inputs',
  health: ' only 2xx is healthy',
  persist: ' lasts over releases; all else an instance writes is scratch',
  static: ' served by Signalbox itself',
  requires: ' has to have a value before it may start; put it in .env, never here',
  release: ' at most once per rollout, before traffic',
};

/**
 * Looks at a repository and writes the file that says the same as a deploy without one; where it has a Compose file, what that declares.
 * @throws NOTHING_DETECTED, CONFIG_INVALID when the Compose file cannot be read
 */
export async function initialFile(reader: RepositoryReader): Promise<InitialFile> {
  const compose = await readCompose(reader);
  const converted = compose === undefined ? undefined : await convertCompose(compose, reader);
  const app = appNameOf(converted?.app ?? reader.folderName);
  const accessories = converted?.accessories ?? {};
  if (compose !== undefined && converted !== undefined && Object.keys(converted.services).length > 0) {
    const heading = ` What runs, how it is built and where it answers, as ${compose.file} has it.`;
    const text = render({ app, services: converted.services, accessories, heading });
    return { text, explanation: converted.findings.map(explain) };
  }
  const detection = await detect(reader);
  const heading = ' What runs, how it is built and where it answers. Without this file the same is detected.';
  const text = render({ app, services: detectedServices(detection), accessories, heading });
  return { text, explanation: [...(converted?.findings ?? []), ...detection.findings].map(explain) };
}

/** `server.js:12  health check /health`. */
export function explain(finding: Finding): string {
  const place = finding.file === undefined ? '' : `${finding.file}${finding.line === undefined ? '' : `:${finding.line}`}  `;
  return `${place}${finding.kind === 'note' ? 'note: ' : ''}${finding.text}`;
}

function detectedServices(detection: Detection): Record<string, Record<string, unknown>> {
  const { services } = detectedFile(detection);
  for (const service of detection.services) {
    const entry = services[service.name];
    if (entry !== undefined && service.static !== undefined)
      entry['static'] = { folder: service.static, spaFallback: detection.singlePage[service.name] ?? false };
  }
  return services;
}

function render(given: {
  readonly app: string;
  readonly services: Readonly<Record<string, unknown>>;
  readonly accessories: Readonly<Record<string, unknown>>;
  readonly heading: string;
}): string {
  const { app, services, accessories, heading } = given;
  const document = new Document({ app, services, ...(Object.keys(accessories).length === 0 ? {} : { accessories }) });
  document.commentBefore = heading;
  const seen = new Set<string>();
  visit(document, {
    Pair(_, pair, path) {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string' || path.filter(isPair).length !== 2) return;
      inline(pair);
      const comment = words[pair.key.value];
      if (comment === undefined || seen.has(pair.key.value)) return;
      seen.add(pair.key.value);
      pair.key.commentBefore = comment;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Short maps and lists of a service stand on one line. */
function inline(pair: Pair): void {
  const value = pair.value;
  if (typeof value === 'object' && value !== null && 'items' in value && !(isMap(value) && value.items.length > 3))
    (value as YAMLMap).flow = true;
}
