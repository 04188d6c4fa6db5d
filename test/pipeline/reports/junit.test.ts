import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isGreen } from '../../../src/domain/test-report.ts';
import { readJunit } from '../../../src/pipeline/reports/junit.ts';

const read = (text: string): ReturnType<typeof readJunit> => readJunit(Buffer.from(text));
const golden = (name: string): Buffer => readFileSync(new URL(`../../fixtures/reports/${name}`, import.meta.url));

describe('a JUnit report that attacks', () => {
  it('with a bomb of entities is refused with the line', async () => {
    const bomb = `<?xml version="1.0"?>\n<!DOCTYPE lolz [\n<!ENTITY lol "lol">\n<!ENTITY lol2 "&lol;&lol;&lol;">\n]>\n<testsuite name="&lol2;"/>`;
    await expect(read(bomb)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE', details: { line: 2 } });
  });

  it('with an external entity is refused, and nothing is read for it', async () => {
    const external = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&f;"/></testsuite>';
    await expect(read(external)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
    await expect(read('<testsuite name="&file;"/>')).rejects.toThrow('&file; is no entity');
  });

  it('by nesting without end is refused', async () => {
    await expect(read('<testsuite>'.repeat(300))).rejects.toThrow('nested more than 256 deep');
  });

  it('by its size is refused before it is read', async () => {
    await expect(readJunit(Buffer.alloc(64 * 1024 * 1024 + 1))).rejects.toMatchObject({ code: 'REPORT_TOO_LARGE' });
  });

  it('with thousands of failures keeps the counts and a hundred of them', async () => {
    const one = `<testcase name="t"><failure message="${'x'.repeat(5000)}"/></testcase>`;
    const report = await read(`<testsuite>${one.repeat(2000)}</testsuite>`);
    expect(report.failed).toBe(2000);
    expect(report.failures).toHaveLength(100);
    expect(report.failures.every(({ message }) => message.length === 2000)).toBe(true);
  });

  it('of one line of megabytes takes time by its length alone', async () => {
    const from = performance.now();
    const report = await read(`<testsuite>${'<testcase name="t" time="1"/>'.repeat(200_000)}</testsuite>`);
    expect(report.passed).toBe(200_000);
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it.each([
    ['cut off', '<testsuite>\n<testcase name="a">\n', 3, 'may have been cut off'],
    ['closed in the wrong order', '<testsuite>\n<testcase></testsuite>', 2, 'where </testcase> is due'],
    ['with a second root', '<testsuite/>\n<testsuite/>', 2, 'second root'],
    ['of another kind', '\n<html></html>', 2, 'its root is <html>'],
    ['without anything', '', 1, 'no element'],
    ['with text around it', 'Error: boom\n<testsuite/>', 1, 'outside the root'],
    ['with a value without its end', '<testsuite name="a>\n', 1, 'does not end'],
    ['with one attribute twice', '<testsuite name="a" name="b"/>', 1, 'twice'],
  ])('%s is refused with the line', async (_name, text, line, says) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE', details: { line } });
    await expect(read(text)).rejects.toThrow(says);
  });

  it('by names like those of every object stays an ordinary report', async () => {
    const report = await read('<testsuite><testcase name="a" __proto__="x" constructor="y"/></testsuite>');
    expect(report.passed).toBe(1);
  });
});

describe('a JUnit report is not green when', () => {
  it('a suite broke before its tests', async () => {
    const report = await read('<testsuite name="db"><error message="no connection"/></testsuite>');
    expect(report).toMatchObject({ passed: 0, errors: 1, failures: [{ name: 'db', message: 'no connection' }] });
  });

  it('its totals count failures that its tests do not show', async () => {
    const report = await read('<testsuites failures="2"><testsuite name="s"><testcase name="a"/></testsuite></testsuites>');
    expect(report).toMatchObject({ passed: 1, failed: 0, errors: 2 });
    expect(isGreen(report)).toBe(false);
  });

  it('it has no test at all', async () => {
    expect(isGreen(await read('<testsuites/>'))).toBe(false);
  });
});

describe('the dialect of', () => {
  it('pytest: a failure and a skip, the file by its attribute', async () => {
    const report =
      await read(`<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
      <testcase classname="tests.test_a" name="test_ok" time="0.001"/>
      <testcase classname="tests.test_a" name="test_bad" time="0.2"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2</failure></testcase>
      <testcase classname="tests.test_a" name="test_setup" time="0.1"><error message="failed on setup with &quot;boom&quot;">trace</error></testcase>
      <testcase classname="tests.test_a" name="test_skip" time="0"><skipped type="pytest.skip" message="later">x</skipped></testcase>
    </testsuite></testsuites>`);
    expect(report).toMatchObject({ passed: 1, failed: 1, errors: 1, skipped: 1, durationMs: 500 });
    expect(report.failures[0]?.message).toContain('assert 1 == 2\ndef test_bad():\n>       assert');
    expect(report.failures[1]).toMatchObject({ name: 'tests.test_a > test_setup' });
    expect(report.failures[1]?.message).toContain('"boom"');
  });

  it('Surefire: what passed on a repeat is no failure, and seconds have commas', async () => {
    const report = await read(`<testsuite name="com.acme.ShopTest" time="1,234.5" tests="3" errors="0" skipped="0" failures="1">
      <properties><property name="java.version" value="21"/></properties>
      <testcase name="flaky" classname="com.acme.ShopTest" time="0.4"><flakyFailure message="once"><stackTrace>at x</stackTrace></flakyFailure></testcase>
      <testcase name="fails" classname="com.acme.ShopTest" time="1,200.25"><failure message="expected:&lt;1&gt;" type="junit.AssertionFailedError"><![CDATA[java.lang.AssertionError: <1> & more
	at com.acme.ShopTest]]></failure><rerunFailure message="again"/></testcase>
      <testcase name="fine" classname="com.acme.ShopTest" time="0"/></testsuite>`);
    expect(report).toMatchObject({ passed: 2, failed: 1, errors: 0, durationMs: 1_234_500 });
    expect(report.slowest[0]).toEqual({ name: 'com.acme.ShopTest > fails', durationMs: 1_200_250 });
    expect(report.failures[0]?.message).toContain('<1> & more');
  });

  it('jest-junit: failures without a message have it in their text', async () => {
    const report =
      await read(`<testsuites name="jest tests" tests="2" failures="1" errors="0" time="1.5"><testsuite name="math" errors="0" failures="1" skipped="0" time="0.9" tests="2">
      <testcase classname="math adds" name="math adds" time="0.003"></testcase>
      <testcase classname="math divides" name="math divides" time="0.004"><failure>Error: expect(received).toBe(expected)
    at Object.&lt;anonymous&gt; (/app/math.test.js:9:17)</failure></testcase></testsuite></testsuites>`);
    expect(report).toMatchObject({ passed: 1, failed: 1, durationMs: 1500 });
    expect(report.failures[0]?.name).toBe('math divides');
    expect(report.failures[0]?.message).toMatch(/^Error: expect[\s\S]*<anonymous>/);
  });

  it('go-junit-report: suites per package', async () => {
    const report =
      await read(`<testsuites tests="2" failures="1"><testsuite name="acme/pkg" tests="2" failures="1" errors="0" id="0" time="0.020">
      <properties><property name="go.version" value="go1.22"></property></properties>
      <testcase name="TestA" classname="acme/pkg" time="0.010"></testcase>
      <testcase name="TestB/sub" classname="acme/pkg" time="0.010"><failure message="Failed"><![CDATA[    a_test.go:9: got 1]]></failure></testcase>
      <system-out><![CDATA[<not xml>]]></system-out></testsuite></testsuites>`);
    expect(report).toMatchObject({ passed: 1, failed: 1, durationMs: 20 });
    expect(report.failures[0]).toMatchObject({ name: 'acme/pkg > TestB/sub', message: 'Failed\na_test.go:9: got 1' });
  });

  it('Vitest, as this version writes it', async () => {
    const report = await readJunit(golden('vitest-junit.xml'));
    expect(report).toMatchObject({ passed: 2, failed: 1, skipped: 2, errors: 0 });
    expect(report.failures[0]?.name).toContain('divides');
    expect(report.failures[0]?.file).toContain('math.test.js');
    expect(report.failures[0]?.message).toContain('expected 2 to be 3');
    expect(report.durationMs).toBeGreaterThan(0);
  });

  it('node:test, as this version writes it', async () => {
    const report = await readJunit(golden('node-junit.xml'));
    expect(report).toMatchObject({ passed: 3, failed: 1, skipped: 2, errors: 0 });
    expect(report.failures[0]?.message).toContain('2 !== 3');
  });
});
