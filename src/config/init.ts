import { Document, isMap, isPair, isScalar, type Pair, visit, type YAMLMap } from 'yaml';
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
  release: ' at most once per rollout, before traffic',
};

/** Looks at a repository and writes the file that says the same as a deploy without one. @throws NOTHING_DETECTED */
export async function initialFile(reader: RepositoryReader): Promise<InitialFile> {
  const detection = await detect(reader);
  return { text: render(appNameOf(reader.folderName), detection), explanation: detection.findings.map(explain) };
}

/** `server.js:12  health check /health`. */
export function explain(finding: Finding): string {
  const place = finding.file === undefined ? '' : `${finding.file}${finding.line === undefined ? '' : `:${finding.line}`}  `;
  return `${place}${finding.kind === 'note' ? 'note: ' : ''}${finding.text}`;
}

function render(app: string, detection: Detection): string {
  const { services } = detectedFile(detection);
  for (const service of detection.services) {
    const entry = services[service.name];
    if (entry !== undefined && service.static !== undefined)
      entry.static = { folder: service.static, spaFallback: detection.singlePage[service.name] ?? false };
  }
  const document = new Document({ app, services });
  document.commentBefore = ' What runs, how it is built and where it answers. Without this file the same is detected.';
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
