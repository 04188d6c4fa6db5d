import { fingerprintOf, readBaseline } from './adapters/scanner/secrets/baseline.ts';
import { searchText } from './adapters/scanner/secrets/search.ts';
import type { Finding } from './domain/scan.ts';

/** Composition for the hooks of git: what the secret scan says of lines before they are committed. */

interface StagedText {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly { readonly number: number; readonly added: boolean }[];
}

/** Secrets in lines that are added; those of the baseline in `folder` are known. @returns masked findings, in the order of the files */
export async function searchStaged(folder: string, files: readonly StagedText[]): Promise<readonly Finding[]> {
  const baseline = await readBaseline(folder);
  const allowed = baseline.kind === 'broken' ? new Set<string>() : baseline.allowed;
  return files.flatMap(({ path, text, lines }) =>
    searchText(text, path).flatMap(({ id, title, severity, fix, at, secret, masked }): Finding[] => {
      const line = lines[text.slice(0, at).split('\n').length - 1];
      if (line?.added !== true || allowed.has(fingerprintOf({ id, file: path, secret }))) return [];
      return [{ id, title, severity, fix, where: { file: path, line: line.number }, evidence: masked }];
    }),
  );
}
