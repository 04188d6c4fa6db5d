import { openTally, type TestCase, type TestReport } from '../../domain/test-report.ts';
import { openPace, textOf, unreadable } from './text.ts';
import { readXml, type XmlEvent } from './xml.ts';

const form = 'JUnit';
/** Of the text of one failure; what is shown is bounded once more. */
const keptText = 8000;

type Open = Extract<XmlEvent, { type: 'open' }>;
type Outcome = TestCase['outcome'];

interface Suite {
  readonly name: string;
  readonly file: string | undefined;
}

interface Trouble {
  readonly kind: 'failed' | 'error';
  message: string;
  readonly hasMessage: boolean;
}

/** The case, or the suite itself, that failures are attached to. */
interface Subject {
  readonly element: Open;
  outcome: Outcome;
  trouble: Trouble | undefined;
  /** node:test tells the failure of what is still to do, and does not fail for it. */
  isTodo: boolean;
}

const worse: readonly Outcome[] = ['passed', 'skipped', 'failed', 'error'];

/**
 * The XML that Vitest, Jest, pytest, Surefire, Gradle, go-junit-report, node:test and others write, each in its own dialect. A case with
 * several failures counts once, as the worst of them; repeated runs that passed in the end (Surefire's flaky tests) count as passed;
 * failures of a whole suite count as errors, and so do those that only the totals of the report tell of.
 * @throws REPORT_UNREADABLE with the line, REPORT_TOO_LARGE
 */
export async function readJunit(bytes: Uint8Array): Promise<TestReport> {
  const tally = openTally();
  const pace = openPace();
  const suites: Suite[] = [];
  const path: string[] = [];
  let subject: Subject | undefined;
  let trouble: Trouble | undefined;
  let wholeMs: number | undefined;
  let suitesMs = 0;
  let suitesSaid = false;
  let found = 0;
  const claims = { root: 0, suites: 0 };

  const open = (event: Open): void => {
    const { name, attributes, line } = event;
    const parent = path.at(-1);
    if (parent === undefined && name !== 'testsuites' && name !== 'testsuite')
      throw unreadable(form, line, `its root is <${name}>, and not <testsuites> or <testsuite>`);
    path.push(name);
    if (name === 'testsuites' || name === 'testsuite') {
      const claimed = count(attributes['failures']) + count(attributes['errors']);
      if (parent === undefined) {
        claims.root = claimed;
        wholeMs = milliseconds(attributes['time']);
      } else if (parent === 'testsuites' && name === 'testsuite') {
        claims.suites += claimed;
        const took = milliseconds(attributes['time']);
        suitesSaid ||= took !== undefined;
        suitesMs += took ?? 0;
      }
      suites.push({ name: attributes['name'] ?? '', file: attributes['file'] ?? suites.at(-1)?.file });
    } else if (name === 'testcase') {
      if (subject !== undefined) throw unreadable(form, line, 'a <testcase> stands within another');
      subject = { element: event, outcome: 'passed', trouble: undefined, isTodo: false };
    } else if (name === 'failure' || name === 'error') {
      if (parent !== 'testcase' && parent !== 'testsuite' && parent !== 'testsuites') return;
      found += 1;
      const said = [attributes['message'] ?? '', attributes['type'] ?? ''].find((text) => text !== '') ?? '';
      trouble = {
        kind: name === 'failure' ? 'failed' : 'error',
        message: said,
        hasMessage: (attributes['message'] ?? '') !== '',
      };
    } else if (name === 'skipped' && parent === 'testcase' && subject !== undefined) {
      worsen(subject, 'skipped');
      subject.isTodo ||= attributes['type'] === 'todo';
    }
  };

  const close = (name: string): void => {
    path.pop();
    if ((name === 'failure' || name === 'error') && trouble !== undefined) {
      if (subject === undefined) {
        const suite = suites.at(-1);
        tally.add({ outcome: 'error', name: suite?.name ?? '', ...fileOf(suite?.file), message: trouble.message });
      } else {
        worsen(subject, trouble.kind);
        subject.trouble ??= trouble;
      }
      trouble = undefined;
    } else if (name === 'testcase' && subject !== undefined) {
      tally.add(caseOf(subject, suites.at(-1)));
      subject = undefined;
    } else if (name === 'testsuite' || name === 'testsuites') suites.pop();
  };

  for (const event of readXml(form, textOf(form, bytes))) {
    if (event.type === 'open') open(event);
    else if (event.type === 'close') close(event.name);
    else if (trouble !== undefined && trouble.message.length < keptText) addText(trouble, event.text);
    await pace();
  }
  const untold = Math.max(claims.root, claims.suites) - found;
  if (untold > 0)
    for (let index = 0; index < Math.min(untold, 1000); index += 1)
      tally.add({
        outcome: 'error',
        name: 'failures without a test',
        message: `The totals of the report count ${untold} more failed than it has in its tests.`,
      });
  return tally.report(wholeMs ?? (suitesSaid ? suitesMs : undefined));
}

function worsen(subject: Subject, outcome: Outcome): void {
  if (worse.indexOf(outcome) > worse.indexOf(subject.outcome)) subject.outcome = outcome;
}

/** The text of a failure is mostly the message again and then the stack; where it begins with it, once is enough. */
function addText(trouble: Trouble, text: string): void {
  const more = text.slice(0, keptText);
  if (more.trim() === '') return;
  if (!trouble.hasMessage || more.trimStart().startsWith(trouble.message)) trouble.message = more;
  else trouble.message = `${trouble.message}\n${more.trim()}`;
}

function caseOf({ element, outcome, trouble, isTodo }: Subject, suite: Suite | undefined): TestCase {
  const { name = '', classname = '', file, line, time } = element.attributes;
  const owner = classname !== '' ? classname : (suite?.name ?? '');
  const place = file ?? suite?.file ?? (/[./\\][cm]?[jt]sx?$/.test(classname) ? classname : undefined);
  const durationMs = milliseconds(time);
  return {
    outcome: isTodo ? 'skipped' : outcome,
    name: owner === '' || name.startsWith(owner) ? name : `${owner} > ${name}`,
    ...fileOf(place === undefined || line === undefined ? place : `${place}:${line}`),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(trouble === undefined ? {} : { message: trouble.message }),
  };
}

const fileOf = (file: string | undefined): { file?: string } => (file === undefined || file === '' ? {} : { file });

const count = (text: string | undefined): number => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : 0);

/** Seconds as people's tools write them: `1.5`, `1,234.5`, `0,5`, `1e-05`. */
function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const plain = text.includes('.') ? text.replaceAll(',', '') : text.replace(',', '.');
  const value = plain.trim() === '' ? Number.NaN : Number(plain);
  return Number.isFinite(value) && value >= 0 ? value * 1000 : undefined;
}
