import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Closes the run with the list of what was skipped and why, and one line that counts. */
class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'failed') failed += 1;
        else skipped.push(`  ${test.fullName}: ${reasonOf(test)}`);
      }
    }
    if (skipped.length > 0) process.stdout.write(`\nSkipped here, and what would enable it:\n${skipped.join('\n')}\n`);
    process.stdout.write(`\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}\n`);
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' && result.note) || 'no reason given (a fault of the test)';
}

export default ClosingLine;
