import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { moves } from '../../src/domain/rollout/moves.ts';
import { isTerminal, phases } from '../../src/domain/rollout/state.ts';
import { printStates } from '../../src/domain/states-page.ts';

describe('the states of a rollout', () => {
  it('are what docs/states.md shows; `npm run docs` prints it again', () => {
    expect(readFileSync(new URL('../../docs/states.md', import.meta.url), 'utf8')).toBe(printStates());
  });

  it.each(phases)('%s is explained, and each of its moves is listed', (phase) => {
    const page = printStates();
    expect(page).toMatch(new RegExp(`^\\| \`${phase}\` \\| [A-Z].*\\. \\|$`, 'm'));
    for (const event of Object.keys(moves[phase])) expect(page).toContain(`| \`${phase}\` | ${event} | `);
    if (isTerminal(phase)) expect(page).not.toContain(`| \`${phase}\` | tick`);
  });

  it('can all be reached, and every one that is not an end can be left', () => {
    const reached = new Set(Object.values(moves).flatMap((listed) => Object.values(listed).flat()));
    for (const phase of phases) {
      if (phase !== 'queued') expect(reached).toContain(phase);
      if (!isTerminal(phase)) expect(Object.values(moves[phase]).flat().length).toBeGreaterThan(0);
    }
  });
});
