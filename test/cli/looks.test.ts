import { describe, expect, it } from 'vitest';
import type { RolloutBody } from '../../src/api/contract.ts';
import { ago, duration, plain, table } from '../../src/cli/format.ts';
import { openLiveBlock } from '../../src/cli/live-block.ts';
import { describeOutcome, exitCodeOf } from '../../src/cli/outcome.ts';
import { plainProgress, renderProgress } from '../../src/cli/progress.ts';
import { describeStatus } from '../../src/cli/status.ts';
import type { Paint, Terminal } from '../../src/cli/terminal.ts';

const same = (text: string | number | null | undefined): string => String(text);
const unpainted: Paint = { bold: same, dim: same, green: same, red: same, yellow: same, cyan: same };

const body: RolloutBody = {
  id: 'r2',
  app: 'shop',
  environment: 'production',
  kind: 'deploy',
  release: 'v2',
  from: 'v1',
  sha: '3f2a9c1b'.repeat(5),
  subject: 'Mend the cart',
  phase: 'shifting',
  ended: false,
  live: false,
  weights: [
    { release: 'v1', percent: 75 },
    { release: 'v2', percent: 25 },
  ],
  steps: [
    { name: 'build web', state: 'done', durationMs: 12_300 },
    { name: 'start web x2', state: 'done' },
    { name: 'move 25% of traffic', state: 'running' },
    { name: 'move all traffic', state: 'waiting' },
  ],
  verdict: '12 more clean requests are needed.',
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: null,
  liveAt: null,
  endedAt: null,
  durationMs: 14_000,
  switchMs: null,
  restoreMs: null,
  requests: { served: 1204, dropped: 0 },
};
const facts = {
  body,
  elapsedMs: 14_100,
  running: new Map([['move 25% of traffic', 900]]),
  line: null,
  lost: false,
  columns: 80,
  tick: 0,
};

describe('the live view', () => {
  it('shows steps with their time, the traffic, the requests and the verdict', () => {
    expect(renderProgress(facts, unpainted)).toEqual([
      'shop/production v2  3f2a9c1 Mend the cart',
      '  ✓ build web            12.3 s',
      '  ✓ start web x2       ',
      '  ◐ move 25% of traffic  900 ms',
      '  · move all traffic   ',
      '',
      '  traffic   ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ v1 75%, v2 25%',
      '  requests  1204 served, 0 dropped',
      '  elapsed   14.1 s',
      '  verdict   12 more clean requests are needed.',
    ]);
  });

  it('says that the control plane is away, before anything else', () => {
    expect(renderProgress({ ...facts, lost: true, line: 'web | npm' }, unpainted).at(-1)).toBe(
      '  The control plane is away; the app is not. Looking for it.',
    );
  });

  it('fills even one percent of traffic', () => {
    const weights = [
      { release: 'v2', percent: 0.5 },
      { release: 'v1', percent: 99.5 },
    ];
    expect(renderProgress({ ...facts, body: { ...body, weights } }, unpainted)[6]).toContain('█░');
  });

  it('draws over itself and never more lines than the window has', () => {
    let drawn = '';
    const terminal = { rows: () => 4, draw: (text: string) => void (drawn += text) } as unknown as Terminal;
    const block = openLiveBlock(terminal);
    block.draw(['a', 'b', 'c', 'd', 'e']);
    expect(drawn.match(/\n/g)).toHaveLength(3);
    drawn = '';
    block.draw(['a']);
    expect(drawn).toContain('\u001b[3A');
    drawn = '';
    block.clear();
    expect(drawn).toBe('\u001b[1A\r\u001b[J');
  });
});

describe('the plain view', () => {
  it('says what is new, and nothing when nothing is', () => {
    expect(plainProgress(null, body)).toEqual([
      'shop/production v2: rollout r2',
      'build web: done (12.3 s)',
      'start web x2: done',
      'move 25% of traffic: running',
      'traffic: v1 75%, v2 25%',
    ]);
    expect(plainProgress(body, { ...body, durationMs: 99_000, requests: { served: 2000, dropped: 0 } })).toEqual([]);
    expect(plainProgress(body, { ...body, weights: [{ release: 'v2', percent: 100 }] })).toEqual(['traffic: v2 100%']);
  });
});

describe('the last words', () => {
  it('count a rollout that went live as done only for who asked for that', () => {
    const live = { ...body, phase: 'baking', live: true };
    expect([exitCodeOf(live, 'live'), exitCodeOf(live, 'end')]).toEqual([0, 1]);
    expect(exitCodeOf({ ...body, phase: 'rolled-back', ended: true }, 'live')).toBe(3);
    expect(exitCodeOf({ ...body, phase: 'held' }, 'end')).toBe(1);
  });

  it('name dropped requests, and what goes on serving after a failure', () => {
    const failed = { ...body, phase: 'failed', ended: true, requests: { served: 10, dropped: 2 } };
    expect(describeOutcome(failed, unpainted)[0]).toBe(
      '✗ v2 failed before it had any traffic; v1 goes on serving. 10 requests served, 2 dropped.',
    );
    expect(describeOutcome({ ...failed, from: null }, unpainted)[0]).toContain('nothing was changed.');
  });
});

describe('status', () => {
  it('shows addresses, services, the running rollout and drift', () => {
    const lines = describeStatus(
      {
        version: '1.0.0',
        home: '/home/a/.signalbox',
        addresses: { http: 8080, https: null, api: 7070 },
        dataPlane: { ready: true, workers: 2, skippedRoutes: [] },
        environments: [
          {
            app: 'shop',
            environment: 'production',
            release: 'v1',
            proven: 'v1',
            traffic: 'hold',
            urls: ['http://shop.localhost:8080/'],
            weights: body.weights,
            rollout: body,
            services: [
              {
                service: 'web',
                release: 'v1',
                kind: 'web',
                declared: 2,
                running: 1,
                restarts: 3,
                memoryMb: 48,
                fault: 'It exits with 1.',
              },
              { service: 'docs', release: 'v1', kind: 'static', declared: 0, running: 0, restarts: 0, memoryMb: null },
            ],
            accessories: [
              {
                name: 'db',
                what: 'postgres 16',
                state: 'running',
                healthy: true,
                address: '127.0.0.1:20001',
                restarts: 0,
                memoryMb: 60,
              },
            ],
            drift: ['web of v1: 2 declared, 1 running.'],
          },
        ],
      },
      unpainted,
    );
    expect(lines).toEqual([
      'Signalbox 1.0.0 in /home/a/.signalbox: 2 proxy workers ready; traffic on 8080, API on 7070',
      '',
      'shop/production  v1 proven  v1 75%, v2 25%  traffic: hold',
      '  http://shop.localhost:8080/',
      '  web   v1  web     1/2 running  3 restarts  48 MiB  It exits with 1.',
      '  docs  v1  static  files',
      '  db    postgres 16  healthy  127.0.0.1:20001  60 MiB',
      '  rollout r2 of v2: shifting',
      '  drift: web of v1: 2 declared, 1 running.',
    ]);
  });
});

describe('words and numbers', () => {
  it('measure time as people do', () => {
    expect([340, 12_340, 754_000, 7_260_000].map(duration)).toEqual(['340 ms', '12.3 s', '12 min 34 s', '2 h 1 min']);
    const now = Date.parse('2026-01-03T00:00:00Z');
    expect(
      ['2026-01-02T23:59:30Z', '2026-01-02T23:00:00Z', '2026-01-01T23:00:00Z', '2025-12-01T00:00:00Z'].map((at) => ago(at, now)),
    ).toEqual(['30 s ago', '1 h ago', '25 h ago', '33 days ago']);
  });

  it('let no app paint, move or retitle the terminal', () => {
    expect(plain('\u001b[31mred\u001b[0m \u001b]0;title\u0007bell\u0007 tab\tend\r\u0000')).toBe('red bell tab  end');
  });

  it('line up in columns and leave empty ones out', () => {
    expect(
      table([
        ['a', '', 'ccc'],
        ['bbb', '', 'd'],
      ]),
    ).toEqual(['a    ccc', 'bbb  d']);
  });
});
