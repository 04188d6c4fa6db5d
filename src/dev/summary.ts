import { posix } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import type { AccessoryHost } from './accessories.ts';
import type { LocalAddresses } from './addresses.ts';
import type { Prepared } from './prepare.ts';

export interface SummaryInput {
  readonly services: readonly Pick<Prepared, 'spec' | 'plan' | 'workplace' | 'idle'>[];
  readonly leftOut: readonly ServiceSpec[];
  readonly addresses: LocalAddresses;
  readonly accessories: AccessoryHost | null;
}

/** Rows of three columns: what, where, how and why. */
export function summaryRows({ services, leftOut, addresses, accessories }: SummaryInput): string[][] {
  const rows = services.map(({ spec, plan, workplace, idle }) => {
    const why = idle || workplace.says === undefined ? plan.because : `${plan.because}; ${workplace.says}`;
    return [spec.name, whereOf(spec, addresses), `${plan.says}  (${why})`];
  });
  const others = leftOut.map((spec) => [spec.name, whereOf(spec, addresses), 'not started (--only)']);
  const beside = (accessories?.summary ?? []).map(({ name, what, at }) => [name, at, what]);
  return [...rows, ...others, ...beside];
}

/** Where people open it; plain `localhost` first. */
export const openAt = ({ hosts }: LocalAddresses, port: number): string => hosts.map((host) => url(host, port)).join('  ');

/** `http://localhost:3080`. */
export const url = (host: string, port: number): string => `http://${host.replace('*', 'any')}${port === 80 ? '' : `:${port}`}`;

/** Paths of the service, with their host where there are several. */
function whereOf(spec: ServiceSpec, { routes, hosts, several }: LocalAddresses): string {
  if (spec.kind === 'worker') return 'worker';
  const own = routes.filter((route) => route.service === spec.name && (several || route.host === hosts[0]));
  const places = own.map((route) => (several ? posix.join(route.host, route.path) : route.path));
  return places.length === 0 ? 'no route' : places.join(' ');
}

/** Columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
