import type { ComposeText } from './read.ts';
import { isValues, textOf } from './shapes.ts';

/** Keys of a service that are read, or that mean nothing here because it is always so. */
const readKeys = new Set(
  'build image command entrypoint environment ports expose healthcheck volumes depends_on profiles deploy scale mem_limit cpus stop_grace_period extends restart container_name hostname init tty stdin_open platform pull_policy links working_dir'.split(
    ' ',
  ),
);
const whys: Readonly<Record<string, string>> = {
  networks: 'an environment has a network of its own; services reach each other by ${services.NAME.url}',
  network_mode: 'services are not put into other networks',
  labels: 'routes are written under `route`, not as labels',
  privileged: 'no service gets rights over the machine',
  cap_add: 'no service gets rights over the machine',
  devices: 'no service gets devices of the machine',
  security_opt: 'services get no new privileges anyway',
  cap_drop: 'services have few privileges anyway',
  read_only: 'what a service writes outside of `persist` is thrown away anyway',
  tmpfs: 'what a service writes outside of `persist` is thrown away anyway',
  logging: 'logs are kept within bounds anyway; see `signalbox logs`',
  secrets: 'give secrets as variables',
  configs: 'files that the app needs belong into the repository',
  user: 'on Docker the image says who runs it',
  ulimits: 'limits are memory and processor time, under `resources`',
  sysctls: 'no service gets rights over the machine',
  extra_hosts: 'names are those of the machine',
  dns: 'names are those of the machine',
  develop: '`signalbox dev` reloads by itself',
  stop_signal: 'services are ended by SIGTERM',
  mem_reservation: 'only limits are known, under `resources`',
};

/** Lines about what of a service has no meaning here: `key` and why. */
export function leftOut(compose: ComposeText, name: string): { readonly at: readonly PropertyKey[]; readonly why: string }[] {
  return Object.keys(compose.services[name] ?? {})
    .filter((key) => !readKeys.has(key) && key !== 'env_file' && !key.startsWith('x-'))
    .map((key) => ({ at: [key], why: whys[key] ?? `\`${key}\` has no counterpart` }));
}

/** The same for the file itself. */
export function leftOutOfFile({ top }: ComposeText): { readonly at: readonly PropertyKey[]; readonly why: string }[] {
  const found: { at: readonly PropertyKey[]; why: string }[] = [];
  for (const key of Object.keys(top)) {
    if (key === 'include') found.push({ at: [key], why: 'files that it includes are not followed' });
    if (key === 'secrets' || key === 'configs') found.push({ at: [key], why: whys[key] ?? '' });
    if (key === 'volumes' && isValues(top[key]))
      for (const [name, volume] of Object.entries(top[key]))
        if (
          isValues(volume) &&
          (volume['external'] !== undefined || textOf(volume['driver']) !== undefined || volume['driver_opts'] !== undefined)
        )
          found.push({ at: [key, name], why: 'the volume is made elsewhere; its data has to be copied by hand' });
  }
  return found;
}
