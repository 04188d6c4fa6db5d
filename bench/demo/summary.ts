import { duration, plain } from '../../src/cli/format.ts';
import type { Paint } from '../../src/cli/terminal.ts';
import type { Claim, Seen } from './claims.ts';
import type { Place } from './place.ts';
import { helloHost, load } from './traffic.ts';

/** What happened, for people: every figure is one that was counted. */
export function summaryOf(seen: Seen, paint: Paint): readonly string[] {
  const { v2, v3 } = seen.deploys;
  const { ok, appErrors, dropped, drops, connectionsOpened, events, orders } = seen.load;
  const disordered = drops['sequence-gap'] + drops['sequence-repeat'] + drops['stream-cut'];
  const count = (value: number): string => value.toLocaleString('en-GB');
  const none = (value: number): string => (value === 0 ? paint.green('0') : paint.red(String(value)));
  const row = (name: string, says: string): string => `  ${paint.bold(name.padEnd(10))}${says}`;
  return [
    paint.bold('What happened, as the clients counted it (they never retry)'),
    row(
      'requests',
      `${count(ok)} served, dropped: ${none(dropped)}  ${paint.dim(`${count(orders.sent)} of them POST, ${count(connectionsOpened)} connections`)}`,
    ),
    row(
      'streams',
      `${load.streams} event streams, ${count(events.messages)} events, cut, lost or repeated: ${none(disordered)}; moved at a switch: ${events.cleanEnds}`,
    ),
    row(
      'v2',
      `switched in ${timeOf(v2.switchMs)}  ${paint.dim(`deploy --json: ${count(v2.requests.served)} served, ${v2.requests.dropped} dropped`)}`,
    ),
    row('v3', `passed every check, took all traffic, then broke: ${count(appErrors)} answers were errors`),
    row(
      '',
      `${paint.yellow('rolled back by itself')} in ${timeOf(v3.restoreMs)}  ${paint.dim(`deploy --json: ${count(v3.requests.served)} served, ${v3.requests.dropped} dropped`)}`,
    ),
    row('reason', `${plain(v3.reason?.message ?? 'none')} ${paint.dim(`[${v3.reason?.code ?? '-'}]`)}`),
    row('now', `${seen.serving ?? 'nothing'} serves again`),
  ];
}

export function claimLines(claims: readonly Claim[], paint: Paint): readonly string[] {
  return claims
    .filter(({ holds }) => !holds)
    .map(({ says, seen }) => `${paint.red('✗ not true:')} ${says}. Seen instead: ${plain(seen).slice(0, 1000)}`);
}

/** What to do with the app that is up now. */
export function nextSteps(place: Place, repository: string, paint: Paint): readonly string[] {
  return [
    `${paint.bold('The app is up:')} ${paint.cyan(`http://${helloHost}:${place.http}/`)}`,
    '',
    paint.bold('Try next, in another terminal in this folder'),
    `  export SIGNALBOX_HOME=${place.home}`,
    '  npx signalbox status',
    '  npx signalbox rollouts --app hello',
    `  nano ${repository}/release.js`,
    `  npx signalbox deploy ${repository} --dirty`,
    '  npx signalbox rollback --app hello',
    '',
    paint.dim('Ctrl-C ends it all and removes what it has made.'),
  ];
}

const timeOf = (ms: number | null): string => (ms === null ? '?' : duration(ms));
