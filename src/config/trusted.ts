import { isIP } from 'node:net';
import { SignalboxError } from '../domain/errors.ts';

/** A list of addresses and CIDR ranges, separated by commas or spaces. @throws BAD_SETTING */
export function parseTrusted(variable: string, list: string): string[] {
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== '');
  for (const entry of entries) {
    const [address = '', bits, more] = entry.split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const usable = family !== 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
    if (!usable)
      throw new SignalboxError(
        'BAD_SETTING',
        `${variable} has ${JSON.stringify(entry)}; expected addresses or ranges such as 10.0.0.0/8.`,
        { details: { variable } },
      );
  }
  return entries;
}
