import type { HomeLayout } from '../config/home.ts';
import { readToken } from '../config/home-folders.ts';
import type { Settings } from '../config/settings.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ApiClient, openClient } from './client.ts';

/**
 * SIGNALBOX_URL when it is set, else the unix socket of the home.
 * @throws BAD_SETTING for an address without SIGNALBOX_TOKEN, CONTROL_PLANE_UNREACHABLE for a home without a token (never started).
 */
export async function connectApi({ remote }: Settings, home: HomeLayout): Promise<ApiClient> {
  if (remote !== null) {
    if (remote.token === null)
      throw new SignalboxError('BAD_SETTING', 'SIGNALBOX_URL is set and SIGNALBOX_TOKEN is not.', {
        hint: 'Set SIGNALBOX_TOKEN to the token of that control plane (keys/api-token in its home).',
      });
    return openClient({ url: remote.url, token: remote.token, name: `the control plane at ${remote.url}` });
  }
  const token = await readToken(home.apiToken);
  if (token === null) throw new SignalboxError('CONTROL_PLANE_UNREACHABLE', `No control plane was ever started in ${home.root}.`);
  return openClient({ socketPath: home.apiSocket, token, name: `the control plane of ${home.root}` });
}
