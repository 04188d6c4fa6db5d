import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { phases } from '../../src/domain/rollout/state.ts';

const text = readFileSync(new URL('../../docs/glossary.md', import.meta.url), 'utf8');
const words = [...text.matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map(([, word = '']) => word);

describe('the glossary', () => {
  it('is in alphabetical order, each word once', () => {
    expect(words.length).toBeGreaterThan(30);
    expect(words).toEqual([...new Set(words)].sort((a, b) => a.localeCompare(b, 'en')));
  });

  it('has the words that the types of the domain are named after', () => {
    for (const word of [
      'app',
      'environment',
      'service',
      'artifact',
      'release',
      'workload',
      'instance',
      'rollout',
      'strategy',
      'gate',
      'verdict',
      'bake',
      'route table',
      'drain',
      'event',
    ])
      expect(words).toContain(word);
  });

  it('explains the phases that are no ordinary words', () => {
    for (const phase of phases.filter((name) => ['held', 'superseded'].includes(name))) expect(words).toContain(phase);
  });
});
