import type { StepSpec } from './spec.ts';

/** A pipeline that could never end, as a sentence and the step it is about; null: it can. */
export function pipelineFault(
  steps: readonly Pick<StepSpec, 'name' | 'needs'>[],
): { readonly step: string; readonly message: string } | null {
  const names = new Set(steps.map(({ name }) => name));
  for (const { name, needs } of steps) {
    const missing = needs.find((need) => !names.has(need));
    if (missing !== undefined) return { step: name, message: `${name} needs ${missing}, which is no step` };
  }
  const done = new Set<string>();
  for (let before = -1; before !== done.size; ) {
    before = done.size;
    for (const { name, needs } of steps) if (needs.every((need) => done.has(need))) done.add(name);
  }
  const stuck = steps.find(({ name }) => !done.has(name));
  return stuck === undefined
    ? null
    : { step: stuck.name, message: `${stuck.name} needs itself, by way of ${circle(stuck.name, steps)}` };
}

/** The way back to `start`, or to what is stuck behind it. */
function circle(start: string, steps: readonly Pick<StepSpec, 'name' | 'needs'>[]): string {
  const seen: string[] = [];
  for (let at: string | undefined = start; at !== undefined && !seen.includes(at); ) {
    seen.push(at);
    at = steps.find(({ name }) => name === at)?.needs.find((need) => steps.some(({ name }) => name === need));
  }
  return [...seen.slice(1), start].join(', ');
}
