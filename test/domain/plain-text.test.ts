import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainText } from '../../src/domain/plain-text.ts';

describe('text of others', () => {
  it.each([
    ['a\u001b[31mred\u001b[0m', 'ared'],
    ['\u001b]0;title\u0007name', 'name'],
    ['\u001b]8;;http://evil.example\u001b\\click\u001b]8;;\u001b\\', 'click'],
    ['\u001bPq#0\u001b\\x', 'x'],
    ['one\r\ntwo\tthree', 'one two three'],
    ['\u009b31mold style', '31mold style'],
    ['user\u202egnp.exe', 'usergnp.exe'],
    ['zero\u200bwidth', 'zerowidth'],
    ['bell\u0007 back\u0008', 'bell back'],
    ['grün ✓ 日本', 'grün ✓ 日本'],
  ])('%j is shown as %j', (given, shown) => {
    expect(plainText(given)).toBe(shown);
  });

  it('is cut off and marked', () => {
    expect(plainText('x'.repeat(50), 10)).toBe('xxxxxxxxx…');
    expect(plainText('😀'.repeat(50), 10)).toBe(`${'😀'.repeat(4)}…`);
  });

  it('never holds what a terminal acts on, whatever it was', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 200 }), (given) => {
        const shown = plainText(`\u001b${given}\u001b[${given}`, 80);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        expect(shown.length).toBeLessThanOrEqual(80);
      }),
    );
  });
});
