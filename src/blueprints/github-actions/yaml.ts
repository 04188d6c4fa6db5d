import { Document, isMap, isScalar, isSeq, type Pair, visit } from 'yaml';
import { versionOf } from './actions.ts';

/** One step of a job, in GitHub's own words. */
export type Step = Readonly<Record<string, unknown>>;
export type Job = Readonly<Record<string, unknown>>;

export interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly defaults?: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The text of a workflow, with its explanation on top and a version beside each pinned action. */
export function workflowText(workflow: Workflow, explanation: readonly string[]): string {
  const document = new Document(workflow, { aliasDuplicateObjects: false });
  document.commentBefore = explanation.map((line) => (line === '' ? '' : ` ${line}`)).join('\n');
  if (isMap(document.contents)) {
    for (const [index, pair] of document.contents.items.entries())
      if (isScalar(pair.key) && index > 0 && pair.key.value !== 'on') pair.key.spaceBefore = true;
    const jobs = document.get('jobs');
    if (isMap(jobs)) for (const pair of jobs.items.slice(1)) if (isScalar(pair.key)) pair.key.spaceBefore = true;
  }
  visit(document, { Pair: (_, pair) => dress(pair) });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function dress({ key, value }: Pair): void {
  const name = isScalar(key) ? key.value : undefined;
  if (name === 'uses' && isScalar(value)) {
    const version = versionOf(String(value.value));
    if (version !== undefined) value.comment = ` ${version}`;
  }
  if ((name === 'branches' || name === 'needs' || name === 'ports') && isSeq(value)) value.flow = true;
  if ((name === 'permissions' || name === 'needs') && isMap(value) && value.items.length === 0) value.flow = true;
}

/** An expression of GitHub's. */
export const expression = (text: string): string => `\${{ ${text} }}`;

/** A script of several lines. */
export const script = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** A word of a shell, as it is. */
export const word = (text: string): string => (/^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** A text that GitHub takes for no expression. */
export const literal = (text: string): string => text.replaceAll('${{', "${{ '${{' }}");
