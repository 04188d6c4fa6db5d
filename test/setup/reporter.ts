import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Counts the run and lists what was skipped and why, for scripts/test.js, which closes with it; a run by hand gets the same lines here.
 * A file that could not be loaded counts as failed: its tests never ran.
 */
class ClosingLine implements Reporter {
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
    if (file !== undefined) writeFileSync(file, JSON.stringify({ passed, failed, skipped }));
    else process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped\n${skipped.join('\n')}\n`);
  }
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
