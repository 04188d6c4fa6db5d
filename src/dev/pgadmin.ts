import { type AccessorySpec, accessoryValues } from '../domain/accessories.ts';

/** Where pgAdmin's container finds what it shall know; a folder of ours, so that its own data stays its own. */
export const serversFolder = '/signalbox';

/** Of PostgreSQL in its container. */
export const postgresPort = 5432;

export interface KnownDatabase {
  readonly spec: AccessorySpec;
  /** As pgAdmin reaches it. */
  readonly host: string;
  readonly port: number;
}

/** The databases as pgAdmin imports them. Without passwords: whoever opens one is asked for it. */
export function pgadminServers(databases: readonly KnownDatabase[]): string {
  const servers = databases.map(({ spec, host, port }, index) => {
    const { user = '', database = '' } = accessoryValues(spec, { runtime: 'docker', inside: { host, port }, password: '' });
    const login = { Host: host, Port: port, Username: user, MaintenanceDB: database };
    return [`${index + 1}`, { Name: spec.name, Group: 'signalbox dev', ...login, SSLMode: 'prefer' }];
  });
  return JSON.stringify({ Servers: Object.fromEntries(servers) as unknown });
}

/** Variables by which pgAdmin reads them, also when it has run before. */
export const pgadminVariables = {
  PGADMIN_SERVER_JSON_FILE: `${serversFolder}/servers.json`,
  PGADMIN_REPLACE_SERVERS_ON_STARTUP: 'True',
} as const;
