import type { RolloutEventType } from './rollout/events.ts';
import { moves } from './rollout/moves.ts';
import { isTerminal, type Phase, phases } from './rollout/state.ts';

/** docs/states.md: what each phase of a rollout means, and every move there is, printed from the table that enforces them. */
export function printStates(): string {
  const sections = [intro, meanings(), held, diagram(), table(), after];
  return `${sections.join('\n\n')}\n`;
}

const meaning: Readonly<Record<Phase, string>> = {
  queued: 'Accepted. It waits for an older rollout of the environment to give way; a bake does not have to.',
  preparing: 'Builds what is not there yet, then runs release commands, each at most once.',
  starting:
    'Starts new instances beside the old ones and waits until all of them are healthy. The deadline is extended by progress.',
  verifying:
    'Runs the smoke list on the new release, which has no traffic yet, and waits for its clearance: nobody else moves traffic, and every new instance answers at this very moment.',
  shifting:
    'Moves traffic step by step. A step counts when every proxy worker serves it; a canary step waits for its verdict, a rolling step for healthy instances.',
  baking:
    'Has all traffic and is watched: health, crashes, errors, the smoke list on the route. The release before it is kept warm.',
  'rolling-back': 'The release before it gets the traffic back; the rollout ends when every proxy worker serves that.',
  held: 'Stands still until a person resumes or aborts it, or a newer deploy takes its place. The reason says why.',
  succeeded: 'Stood its bake. It is what later rollouts fall back to.',
  'rolled-back': 'Had traffic, failed or was aborted, and was undone.',
  failed: 'Failed before it had any traffic. Nothing was changed.',
  cancelled: 'Aborted by a person before it had any traffic.',
  superseded: 'A newer deploy or rollback took its place.',
};

function meanings(): string {
  const rows = phases.map((phase) => `| \`${phase}\` | ${meaning[phase]} |`);
  return ['## Phases', '', '| Phase | Meaning |', '| --- | --- |', ...rows].join('\n');
}

type Listed = readonly (readonly [RolloutEventType, readonly Phase[]])[];
const movesOf = (phase: Phase): Listed => Object.entries(moves[phase]) as unknown as Listed;

/** One arrow per pair of phases, with its events. `held` is left out but for its own ends: it goes back where it came from. */
function diagram(): string {
  const arrows = new Map<string, string[]>();
  for (const phase of phases) {
    for (const [event, targets] of movesOf(phase)) {
      for (const to of targets) {
        if (phase === 'held' || to === 'held') continue;
        const key = `${nodeOf(phase)} --> ${nodeOf(to)}`;
        arrows.set(key, [...(arrows.get(key) ?? []), event]);
      }
    }
  }
  const lines = [...arrows].map(([arrow, events]) => `  ${arrow}: ${events.join(', ')}`);
  const ends = phases.filter(isTerminal).map((phase) => `  ${nodeOf(phase)} --> [*]`);
  const names = phases.filter((p) => p !== nodeOf(p)).map((p) => `  state "${p}" as ${nodeOf(p)}`);
  return [
    '## Diagram',
    '',
    'Without `held`, which every phase can be left for and comes back to.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...names,
    '  [*] --> queued',
    ...lines,
    ...ends,
    '```',
  ].join('\n');
}

const nodeOf = (phase: Phase): string => phase.replaceAll('-', '_');

function table(): string {
  const rows = phases
    .filter((phase) => !isTerminal(phase))
    .flatMap((phase) =>
      movesOf(phase).map(([event, targets]) => {
        const where = targets.length === 0 ? 'stays' : targets.map((t) => `\`${t}\``).join(', ');
        return `| \`${phase}\` | ${event} | ${where} |`;
      }),
    );
  return [
    '## Moves',
    '',
    'Where an event may lead, besides staying. What is not listed is refused with `ILLEGAL_TRANSITION`; a rollout that has ended refuses everything with `NO_ACTIVE_ROLLOUT`.',
    '',
    '| In phase | Event | May lead to |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

const intro = `# States of a rollout

<!-- Printed from src/domain/rollout by \`npm run docs\`; a test keeps it fresh. -->

A rollout moves an environment's traffic to a release. It is in one phase at a time; each change of phase is on disk, together with
what is to be done next, before anything is done. A control plane that dies is followed by one that reads this and goes on.`;

const held = `## Held and resumed

A rollout is held by \`signalbox pause\`, by a canary step without a verdict in time, by a release command whose end nobody saw, by a
rollback that goes wrong or by a route table that cannot be restored. It remembers the phase it was in.

- Its clock stands still. \`signalbox resume\` goes on in that phase with the time that was left.
- What was under way goes on: a build, a release command, a table on its way. The result is taken in, but no step is taken.
- It does not look away: a release that has traffic and fails is undone at once, held or not.
- Resuming after a lost release command says that it is done; it is never run a second time.
- \`signalbox abort\` undoes it, or cancels it if it had no traffic; a newer deploy takes its place in either case.
- A rollback that fails is held instead of being undone by itself, so that traffic never swings to and fro.`;

const after = `## Ends

\`succeeded\`, \`rolled-back\`, \`failed\`, \`cancelled\` and \`superseded\` are final. In all of them one release has all traffic (or none has,
if the first one failed), and nothing but its workloads runs.`;
