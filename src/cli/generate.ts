import { lstat, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { type Answers, commandFor, rememberedAnswers, settle } from '../blueprints/answers.ts';
import { type FileState, type GeneratedFile, marked, stateOf } from '../blueprints/generated.ts';
import { type BlueprintInput, gatherInput } from '../blueprints/input.ts';
import { lineDiff } from '../blueprints/line-diff.ts';
import { type Blueprint, blueprints } from '../blueprints/registry.ts';
import { folderReader } from '../config/folder-reader.ts';
import { loadAppSpec } from '../config/load.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { whichFolder } from './which-app.ts';

export interface GenerateOptions {
  /** Say what is not up to date, and change nothing. */
  readonly check?: boolean;
  /** Say what can be made. */
  readonly list?: boolean;
  /** Replace what was changed by hand too. */
  readonly force?: boolean;
  /** Of github-actions. */
  readonly target?: string;
  readonly credentials?: string;
}

interface Planned {
  readonly what: string;
  /** What follows `signalbox generate` to make it. */
  readonly command: string;
  readonly file: GeneratedFile;
  /** What stands there now; null: nothing. */
  readonly present: string | null;
  readonly state: FileState;
}

/**
 * Makes files for the user's repository. Exit code 1: with `check`, something is missing or not up to date.
 * @throws WRONG_USAGE, GENERATED_EDITED, NO_DOCKERFILE_FOR_STACK, CONFIG_INVALID, NO_APP_HERE
 */
export async function generate(
  invocation: Invocation,
  given: { readonly what: string | undefined; readonly folder: string | undefined },
  options: GenerateOptions,
): Promise<ExitCode> {
  const { terminal } = invocation;
  if (options.list === true) {
    terminal.result({ blueprints: blueprints.map(({ name, says, needs }) => ({ name, says, needs })) });
    for (const { name, says, needs } of blueprints) terminal.say(`${name.padEnd(14)} ${says}\n${' '.repeat(15)}needs ${needs}`);
    return exitCodes.done;
  }
  // `generate --check some/folder`: without a kind, the one word is the folder.
  const folderOnly = options.check === true && given.folder === undefined && !blueprints.some(({ name }) => name === given.what);
  const what = folderOnly ? undefined : given.what;
  const wanted = chosen(what, options);
  const root = await whichFolder(invocation, folderOnly ? given.what : given.folder);
  const reader = folderReader(root);
  const { spec } = await loadAppSpec(reader);
  const input = await gatherInput(reader, spec);
  const planned: Planned[] = [];
  for (const blueprint of wanted) {
    const answers = await answersFor(blueprint, input, { root, options });
    const command = commandFor(blueprint.name, blueprint.questions ?? {}, answers);
    for (const file of blueprint.make(input, answers)) {
      const present = await presentText(root, file.path);
      planned.push({ what: blueprint.name, command, file, present, state: stateOf(present, file) });
    }
  }
  return options.check === true ? report(invocation, planned, what) : write(invocation, { root, planned, options });
}

/** What is not said now is as it was when the files were made: they say so themselves. */
async function answersFor(
  blueprint: Blueprint,
  input: BlueprintInput,
  { root, options }: { readonly root: string; readonly options: GenerateOptions },
): Promise<Answers> {
  const { name, questions = {} } = blueprint;
  const { target, credentials } = options;
  const given = { ...(target === undefined ? {} : { target }), ...(credentials === undefined ? {} : { credentials }) };
  let before: Answers = {};
  if (Object.keys(questions).length > 0)
    for (const { path } of blueprint.make(input))
      before = { ...rememberedAnswers((await presentText(root, path)) ?? '', name, questions), ...before };
  return settle(name, questions, { given, before });
}

function chosen(what: string | undefined, { check }: GenerateOptions): readonly Blueprint[] {
  if (what === undefined && check === true) return blueprints;
  const found = blueprints.find(({ name }) => name === what);
  if (found !== undefined) return [found];
  const names = blueprints.map(({ name }) => name).join(', ');
  throw new SignalboxError(
    'WRONG_USAGE',
    what === undefined
      ? `What should be made? One of ${names}.`
      : `${JSON.stringify(what)} cannot be made; expected one of ${names}.`,
  );
}

/** Without a name only what was made once is looked at: nobody has to have every kind of file. */
function report({ terminal }: Invocation, planned: readonly Planned[], what: string | undefined): ExitCode {
  const inUse = new Set(planned.filter(({ state }) => state !== 'missing' && state !== 'foreign').map((one) => one.what));
  const looked = planned.filter((one) => what !== undefined || inUse.has(one.what));
  const stale = looked.filter(({ state }) => state === 'missing' || state === 'stale' || state === 'edited');
  terminal.result({
    stale: stale.map(({ file }) => file.path),
    files: looked.map(({ file, state }) => ({ path: file.path, state })),
  });
  for (const { file, state, what: name } of looked) {
    if (state === 'foreign') terminal.say(`  ${plain(file.path)}  your own, not looked at`);
    if (state === 'missing')
      terminal.say(`${terminal.paint.red('✗')} ${plain(file.path)}  is missing; \`signalbox generate ${name}\``);
    if (state === 'stale')
      terminal.say(`${terminal.paint.red('✗')} ${plain(file.path)}  is not up to date; \`signalbox generate ${name}\``);
    if (state === 'edited')
      terminal.say(
        `${terminal.paint.red('✗')} ${plain(file.path)}  is not up to date, and was changed by hand; \`signalbox generate ${name}\` shows both`,
      );
  }
  if (stale.length === 0)
    terminal.say(
      `${terminal.paint.green('✓')} ${looked.length === 0 ? 'Nothing was ever made here' : 'All files are up to date'}.`,
    );
  return stale.length === 0 ? exitCodes.done : exitCodes.failed;
}

async function write(
  { terminal }: Invocation,
  { root, planned, options }: { root: string; planned: readonly Planned[]; options: GenerateOptions },
): Promise<ExitCode> {
  const { force = false } = options;
  const isOwn = ({ file, state }: Planned): boolean => state === 'foreign' && file.replaceable === true;
  const refused = planned.filter((one) => !force && !isOwn(one) && (one.state === 'edited' || one.state === 'foreign'));
  const due = planned.filter((one) => !isOwn(one) && one.state !== 'current' && (force || one.state !== 'kept'));
  for (const { command, file, present, state } of planned) {
    const path = plain(file.path);
    if (state === 'current') terminal.say(`  ${path}  is up to date`);
    else if (state === 'kept' && !force) terminal.say(`  ${path}  is up to date, with your changes`);
    else if (state === 'foreign' && file.replaceable === true) terminal.say(`  ${path}  is your own, left as it is`);
    else if (state !== 'missing') showDiff(terminal, path, lineDiff(present ?? '', marked(file, command)));
  }
  if (refused.length > 0)
    throw new SignalboxError(
      'GENERATED_EDITED',
      refused
        .map(
          ({ file, state }) =>
            `${file.path} ${state === 'foreign' ? 'is there already and was not made by signalbox generate' : 'was changed by hand'}.`,
        )
        .join(' '),
      { details: { files: refused.map(({ file }) => file.path) } },
    );
  for (const { file } of due) await makeRoom(root, file.path);
  for (const { command, file, state } of due) {
    await replace(root, file.path, marked(file, command));
    terminal.say(`${terminal.paint.green('✓')} ${plain(file.path)}  ${state === 'missing' ? 'written' : 'brought up to date'}`);
  }
  terminal.result({
    written: due.map(({ file }) => file.path),
    files: planned.map(({ file, state }) => ({ path: file.path, state })),
  });
  return exitCodes.done;
}

function showDiff(terminal: Invocation['terminal'], path: string, lines: readonly string[]): void {
  const { paint } = terminal;
  terminal.say(paint.bold(path));
  for (const line of lines) {
    const text = plain(line);
    terminal.quote(line.startsWith('+') ? paint.green(text) : line.startsWith('-') ? paint.red(text) : text);
  }
}

/** Only a regular file is taken for one; a link or a folder in its place is refused rather than followed. */
async function presentText(root: string, path: string): Promise<string | null> {
  const file = join(root, path);
  const facts = await lstat(file).catch(() => null);
  if (facts === null) return null;
  if (!facts.isFile())
    throw new SignalboxError('GENERATED_EDITED', `${path} is no regular file.`, { hint: 'Move it away, then generate again.' });
  return readFile(file, 'utf8');
}

/** Makes the folder of a file. @throws FILE_NOT_WRITTEN when a link leads it out of the repository. */
async function makeRoom(root: string, path: string): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  const inside = relative(await realpath(root), await realpath(dirname(target)));
  if (inside.split(sep)[0] === '..' || isAbsolute(inside))
    throw new SignalboxError('FILE_NOT_WRITTEN', `${path} would lie outside of the repository: a folder of it is a link.`);
}

/** Written beside and then put in place, so that nobody ever reads half a file. */
async function replace(root: string, path: string, text: string): Promise<void> {
  const target = join(root, path);
  const beside = `${target}.new-${process.pid}`;
  try {
    await writeFile(beside, text, { flag: 'wx' });
    await rename(beside, target);
  } catch (cause) {
    await rm(beside, { force: true });
    throw new SignalboxError('FILE_NOT_WRITTEN', `${relative(root, target)} could not be written.`, { cause });
  }
}
