import type { EnvironmentBody } from '../api/contract.ts';
import type { DeclaredBody, DiffBody, EnvironmentRowBody, LockBody } from '../api/contract/environments.ts';
import { ago, plain, table } from './format.ts';
import type { Paint } from './terminal.ts';

/** `locked by Ana on laptop, 3 min ago: moving the database`. */
export const lockLine = ({ owner, reason, since }: LockBody, now: number): string =>
  `locked by ${plain(owner)}, ${ago(since, now)}: ${plain(reason)}`;

export function describeEnvironments(rows: readonly EnvironmentRowBody[], paint: Paint): readonly string[] {
  return table(
    rows.map((one) => [
      paint.bold(one.environment),
      one.release ?? 'no release yet',
      one.sha?.slice(0, 7) ?? '',
      one.release === null ? '' : one.release === one.proven ? paint.green('proven') : paint.yellow('not proven yet'),
      one.promotedFrom === undefined ? '' : `from ${one.promotedFrom.environment} ${one.promotedFrom.release}`,
      one.lock === undefined ? '' : paint.yellow(lockLine(one.lock, Date.now())),
    ]),
  );
}

export function describeShown({ declared, status }: EnvironmentBody, paint: Paint): readonly string[] {
  const head = paint.bold(`${status.app}/${status.environment}`);
  return [
    `${head}  ${status.release ?? 'no release yet'}${status.release !== null && status.release === status.proven ? paint.green(' proven') : ''}`,
    ...(status.lock === undefined ? [] : [paint.yellow(`  ${lockLine(status.lock, Date.now())}`)]),
    ...(declared === null ? [] : describeDeclared(declared, paint)),
    ...status.services
      .filter(({ kind }) => kind !== 'static')
      .map(
        (one) =>
          `  runs: ${one.service} of ${one.release}, ${one.running} of ${one.declared}${one.fault === undefined ? '' : ` (${plain(one.fault)})`}`,
      ),
    ...status.drift.map((drift) => paint.yellow(`  drift: ${plain(drift)}`)),
  ];
}

function describeDeclared(declared: DeclaredBody, paint: Paint): readonly string[] {
  const { promotedFrom, closed } = declared;
  return [
    `  source: ${declared.sha.slice(0, 7)} ${plain(declared.subject)}`,
    ...(promotedFrom === undefined
      ? []
      : [`  promoted from ${promotedFrom.environment} ${promotedFrom.release}, as it was built there`]),
    `  strategy: ${declared.strategy}`,
    ...(declared.branch === undefined ? [] : [`  branch: ${declared.branch === false ? 'none' : plain(declared.branch)}`]),
    ...declared.services.flatMap((one) => [
      `  ${one.service}: ${one.kind}, build ${one.key.slice(0, 12)}${one.kind === 'static' ? '' : `, ${one.replicas} declared`}${one.hosts.length === 0 ? '' : `, ${one.hosts.join(', ')}`}`,
      ...(one.variables.length === 0 ? [] : [`    variables: ${one.variables.join(', ')}`]),
      ...one.secrets.map(({ variable, secret, version }) => `    secret: ${variable} is ${secret}, version ${version}`),
    ]),
    ...(declared.accessories.length === 0 ? [] : [`  accessories: ${declared.accessories.join(', ')}`]),
    ...declared.windows.map((window) => `  takes deploys: ${plain(window)}`),
    ...(closed === undefined
      ? []
      : [paint.yellow(`  closed now: ${plain(closed.because)}; opens ${closed.next ?? 'not within 400 days'}`)]),
  ];
}

export function describeDiff({ first, second, sameBuilds, services }: DiffBody, paint: Paint): readonly string[] {
  const name = (side: DiffBody['first']): string => `${side.environment} ${side.release} (${side.sha.slice(0, 7)})`;
  return [
    `${paint.bold(name(first))} and ${paint.bold(name(second))}: ${sameBuilds ? paint.green('the same builds') : paint.yellow('other builds')}`,
    ...services.flatMap((one) => {
      const lines = serviceLines(one, [first.environment, second.environment]);
      return lines.length === 0
        ? [`  ${one.service}: no difference`]
        : [`  ${one.service}:`, ...lines.map((line) => `    ${line}`)];
    }),
  ];
}

function serviceLines(one: DiffBody['services'][number], [a, b]: readonly [string, string]): readonly string[] {
  const { onlyFirst, onlySecond, different } = one.variables;
  const both = (what: string, pair: readonly [Shown, Shown]): readonly string[] =>
    JSON.stringify(pair[0]) === JSON.stringify(pair[1]) ? [] : [`${what}: ${shown(pair[0])} in ${a}, ${shown(pair[1])} in ${b}`];
  return [
    ...both('build', [one.keys[0]?.slice(0, 12) ?? null, one.keys[1]?.slice(0, 12) ?? null]),
    ...both('replicas', one.replicas),
    ...both('hosts', one.hosts),
    ...(onlyFirst.length === 0 ? [] : [`variables only in ${a}: ${onlyFirst.join(', ')}`]),
    ...(onlySecond.length === 0 ? [] : [`variables only in ${b}: ${onlySecond.join(', ')}`]),
    ...(different.length === 0 ? [] : [`variables with other values: ${different.join(', ')}`]),
  ];
}

type Shown = string | number | readonly string[] | null;
const shown = (value: Shown): string =>
  value === null ? 'nothing' : typeof value === 'object' ? value.join(', ') || 'none' : String(value);
