import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureLocalCertificate, isLocal, openLocalAuthority } from '../certificates/local-authority.ts';
import type { DevPlace } from './place.ts';

export interface DevCertificate {
  /** Folder with the certificate, for the proxy. */
  readonly folder: string;
  /** What a browser has to trust. */
  readonly authorityFile: string;
}

/**
 * A certificate for the hosts of a stack, by the authority that `signalbox certificates local` uses, so that it is trusted once.
 * @throws BadPair when the authority's files cannot be read.
 */
export async function ensureCertificate(
  authorityFolder: string,
  { place, hosts }: { readonly place: DevPlace; readonly hosts: readonly string[] },
): Promise<DevCertificate> {
  const now = new Date();
  const { authority, certFile } = await openLocalAuthority(authorityFolder, now);
  const folder = join(place.root, 'certificates');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = ['localhost', '127.0.0.1', '::1', ...hosts.filter((host) => host !== '*' && isLocal(host))];
  await ensureLocalCertificate({ authority, folder, name: 'dev', hosts: names, now });
  return { folder, authorityFile: certFile };
}
