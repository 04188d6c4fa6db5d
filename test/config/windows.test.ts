import { describe, expect, it } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import type { DeploySchedule } from '../../src/domain/windows.ts';
import { memoryReader } from './memory-reader.ts';

const load = async (production: string): Promise<DeploySchedule | undefined> => {
  const yaml = `app: shop\nservices: { web: { run: node server.js, route: / } }\nenvironments:\n  production:\n${production}`;
  const { spec } = await loadAppSpec(memoryReader({ 'signalbox.yaml': yaml, 'server.js': '' }));
  return spec.environments['production']?.schedule;
};

describe('windows and freezes of signalbox.yaml', () => {
  it('are read with their days, times and zones; dates and times need no quotes', async () => {
    const schedule = await load(
      '    windows:\n      - { days: mon-fri, from: 09:00, to: 16:00, zone: Europe/Berlin }\n' +
        '      - { days: [fri-sun, wed], from: 22:00, to: 02:00 }\n' +
        '    freezes:\n      - { from: 2026-12-20, to: 2027-01-02, reason: holidays }\n',
    );
    expect(schedule).toEqual({
      windows: [
        { days: [1, 2, 3, 4, 5], from: 540, to: 960, zone: 'Europe/Berlin' },
        { days: [0, 3, 5, 6], from: 1320, to: 120, zone: 'UTC' },
      ],
      freezes: [{ from: '2026-12-20', to: '2027-01-02', reason: 'holidays', zone: 'UTC' }],
    });
  });

  it('are whole days, every day and UTC where nothing is said; without any there is no schedule', async () => {
    expect(await load('    windows: [{ days: sat }]\n')).toMatchObject({
      windows: [{ days: [6], from: 0, to: 1440, zone: 'UTC' }],
    });
    expect(await load('    windows: [{ from: "08:00" }]\n')).toMatchObject({
      windows: [{ days: [0, 1, 2, 3, 4, 5, 6], from: 480 }],
    });
    expect(await load('    windows: []\n')).toBeUndefined();
  });

  it.each([
    [
      'zone: Europe/Berln',
      '6:18 environments.production.windows[0].zone: there is no time zone Europe/Berln; did you mean Europe/Berlin?',
    ],
    ['zone: Mars/Olympus', '6:18 environments.production.windows[0].zone: there is no time zone Mars/Olympus'],
    ['days: mon-fryday', '6:18 environments.production.windows[0].days: expected days such as mon-fri'],
    ['from: 9:00', '6:18 environments.production.windows[0].from: expected a time of the day such as 09:00'],
    ['from: "25:00"', '6:18 environments.production.windows[0].from: expected a time of the day such as 09:00'],
    ['from: "24:00"', 'a window begins before 24:00'],
    ['to: "00:00"', 'a window of no time never opens'],
    ['from: "09:00", to: "09:00"', 'a window of no time never opens'],
    ['from: "09:00", to: "00:00"', 'write 24:00 for the end of a day'],
    ['day: mon', 'unknown key day'],
  ])('a window of { %s } is refused where it stands', async (window, expected) => {
    const text = `    windows:\n    - {${' '.repeat(4)}${window} }\n`;
    await expect(load(text)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(expected) as string,
    });
  });

  it.each([
    ['from: 2026-12-20, to: 2026-12-19, reason: x', 'a freeze ends on the day it begins, or later'],
    ['from: 2026-02-30, to: 2026-03-01, reason: x', 'expected a date such as 2026-12-20'],
    ['from: 2026-12-20, to: 2026-12-21', 'reason: is missing'],
    ['from: 2026-12-20, to: 2026-12-21, reason: x, zone: Nowhere', 'there is no time zone Nowhere'],
  ])('a freeze of { %s } is refused', async (freeze, expected) => {
    await expect(load(`    freezes:\n      - { ${freeze} }\n`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(expected) as string,
    });
  });
});
