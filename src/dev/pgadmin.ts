import { type AccessorySpec, accessoryValues } from '../domain/accessories.ts';

/** Where pgAdmin's container finds what it shall know; a folder of ours, so that its own data stays its own. */
export const serversFolder = '/signalbox';

/**
 * The databases of the same network as pgAdmin imports them. Without passwords: whoever opens one is asked for it.
 * Null when there are none.
 */
export function pgadminServers(databases: readonly AccessorySpec[]): string | null {
  const known = databases.filter(({ type }) => type === 'postgres');
  if (known.length === 0) return null;
  const servers = known.map((spec, index) => {
    const { user = '', database = '' } = accessoryValues(spec, {
      runtime: 'docker',
      inside: { host: spec.name, port: postgresPort },
      password: '',
    });
    const server = { Name: spec.name, Group: 'signalbox dev', Host: spec.name, Port: postgresPort, Username: user };
    return [`${index + 1}`, { ...server, MaintenanceDB: database, SSLMode: 'prefer' }];
  });
  return JSON.stringify({ Servers: Object.fromEntries(servers) as unknown });
}

const postgresPort = 5432;

/** Variables by which pgAdmin reads them, also when it has run before. */
export const pgadminVariables = {
  PGADMIN_SERVER_JSON_FILE: `${serversFolder}/servers.json`,
  PGADMIN_REPLACE_SERVERS_ON_STARTUP: 'True',
} as const;
