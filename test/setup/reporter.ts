import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Counts the run and lists what was skipped and why, for scripts/test.js, which closes with it; a run by hand gets the same lines here.
 * A file that could not be loaded counts as failed: its tests never ran. Also which files took longest, and whether they worked or waited.
 */
class ClosingLine implements Reporter {
  readonly #began = new Map<TestModule, Look>();
  readonly #took: { readonly file: string; readonly seconds: number; readonly busy: number }[] = [];

  onTestModuleStart(module: TestModule): void {
    this.#began.set(module, look());
  }

  onTestModuleEnd(module: TestModule): void {
    const before = this.#began.get(module);
    if (before === undefined) return;
    const now = look();
    const seconds = (now.at - before.at) / 1000;
    this.#took.push({
      file: module.relativeModuleId,
      seconds,
      busy: (now.busy - before.busy) / Math.max(1, now.all - before.all),
    });
  }

  #longest(): readonly string[] {
    return this.#took
      .filter(({ seconds }) => seconds >= longSeconds)
      .toSorted((a, b) => b.seconds - a.seconds)
      .map(({ file, seconds, busy }) => `${seconds.toFixed(0).padStart(6)} s ${(100 * busy).toFixed(0).padStart(4)} %  ${file}`);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      const before = failed;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'failed') failed += 1;
        else if (!leftOutByFilter(test)) skipped.push(`  ${test.fullName}: ${reasonOf(test)}`);
      }
      if (module.state() === 'failed' && failed === before) failed += 1;
    }
    const file = process.env['SIGNALBOX_TEST_RESULT'];
    if (file !== undefined) writeFileSync(file, JSON.stringify({ passed, failed, skipped, longest: this.#longest() }));
    else process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped\n${skipped.join('\n')}\n`);
  }
}

/** Shorter files are not worth a line. */
const longSeconds = 20;

/** Milliseconds, and the processors' work since the machine started: all of it, and what was not idling. */
interface Look {
  readonly at: number;
  readonly busy: number;
  readonly all: number;
}

function look(): Look {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { at: performance.now(), busy: all - times.reduce((sum, { idle }) => sum + idle, 0), all };
}

/** `-t` was asked for; nobody wants to hear of the others. */
const leftOutByFilter = (test: TestCase): boolean =>
  test.project.config.testNamePattern !== undefined &&
  !test.project.config.testNamePattern.test(test.fullName.replaceAll(' > ', ' '));

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' && result.note) || 'no reason given (a fault of the test)';
}

export default ClosingLine;
