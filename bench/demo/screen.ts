import { duration } from '../../src/cli/format.ts';
import { openLiveBlock } from '../../src/cli/live-block.ts';
import type { Paint, Terminal } from '../../src/cli/terminal.ts';
import type { LoadTotals } from '../load/contract.ts';
import { drawStrip, legend, sharesOf } from './strip.ts';
import { load, type Slice, sliceBetween } from './traffic.ts';

/** Where the story is told while it happens: one block that is drawn over itself at a terminal, a line per event elsewhere. */
export interface Screen {
  /** What is being done now; the one before has ended. */
  step(says: string): void;
  /** Ends the step with what came of it. */
  done(says: string, outcome?: 'good' | 'bad'): void;
  /** From now on this traffic is shown; null: there is no more, what was seen stays. */
  watch(totals: (() => LoadTotals) | null): void;
  /** Draws for the last time: steps and strip stay on the screen. */
  close(): void;
}

export const sliceMs = 400;
const frameMs = 100;
/** A pipe gets a line on the traffic this often, in slices. */
const plainEvery = 5;
const spinner = ['◐', '◓', '◑', '◒'] as const;

interface Step {
  readonly says: string;
  readonly since: number;
  end?: { readonly says: string; readonly outcome: 'good' | 'bad'; readonly tookMs: number };
}

export function openScreen(terminal: Terminal): Screen {
  const { paint, live } = terminal;
  const began = performance.now();
  const block = openLiveBlock(terminal);
  const steps: Step[] = [];
  const slices: Slice[] = [];
  let totals: (() => LoadTotals) | null = null;
  let last: LoadTotals | undefined;
  let tick = 0;
  let closed = false;

  const cut = (): void => {
    if (totals === null) return;
    const now = totals();
    slices.push(sliceBetween(last, now));
    last = now;
    if (!live && slices.length % plainEvery === 0) terminal.say(plainTraffic(now, slices.at(-1)));
  };
  const draw = (): void => {
    tick += 1;
    const lines = steps.map((step) => stepLine(step, tick, paint));
    const strip = last === undefined ? [] : stripLines({ totals: last, slices, terminal });
    const counts = last === undefined || closed ? [] : countLines({ totals: last, slices, terminal });
    block.draw([headline(performance.now() - began, paint), '', ...lines, ...strip, ...counts]);
  };
  const cutting = setInterval(cut, sliceMs);
  const drawing = live ? setInterval(draw, frameMs) : undefined;
  return {
    step: (says) => {
      steps.push({ says, since: performance.now() });
      if (!live) terminal.say(`[${clock(began)}] ${says}`);
    },
    done: (says, outcome = 'good') => {
      const step = steps.at(-1);
      if (step === undefined) return;
      step.end = { says, outcome, tookMs: performance.now() - step.since };
      if (!live) terminal.say(`[${clock(began)}] ${outcome === 'good' ? '✓' : '!'} ${says}`);
    },
    watch: (source) => {
      totals = source;
    },
    close: () => {
      if (closed) return;
      closed = true;
      clearInterval(cutting);
      clearInterval(drawing);
      if (live) draw();
    },
  };
}

const headline = (elapsedMs: number, paint: Paint): string =>
  `${paint.bold('Signalbox')} ${paint.dim(`· three releases under load · ${duration(elapsedMs)}`)}`;

function stepLine(step: Step, tick: number, paint: Paint): string {
  if (step.end === undefined) return `  ${paint.cyan(spinner[tick % spinner.length] ?? '◐')} ${paint.bold(step.says)}`;
  const mark = step.end.outcome === 'good' ? paint.green('✓') : paint.yellow('↺');
  return `  ${mark} ${step.end.says} ${paint.dim(`(${duration(step.end.tookMs)})`)}`;
}

interface Traffic {
  readonly totals: LoadTotals;
  readonly slices: readonly Slice[];
  readonly terminal: Terminal;
}

const stripLines = ({ totals, slices, terminal: { columns, paint } }: Traffic): readonly string[] => [
  '',
  `  ${drawStrip(slices, Math.max(20, Math.min(90, columns() - 4)), paint)}`,
  `  ${legend(Object.keys(totals.apps), paint)}   ${paint.dim(`answers, ${sliceMs} ms a column`)}`,
];

function countLines({ totals, slices, terminal: { paint } }: Traffic): readonly string[] {
  const dropped = totals.dropped === 0 ? paint.green('0 dropped') : paint.red(`${totals.dropped} dropped`);
  const errors = totals.appErrors === 0 ? '' : `, ${paint.yellow(`${totals.appErrors} errors of v3`)}`;
  return [
    '',
    `  traffic   ${sharesOf(slices.at(-1) ?? { answers: {}, errors: 0, dropped: 0 })}`,
    `  requests  ${totals.ok.toLocaleString('en-GB')} served, ${dropped}${errors}`,
    `  streams   ${load.streams} event streams, ${totals.events.messages} events in order`,
  ];
}

function plainTraffic(totals: LoadTotals, slice: Slice | undefined): string {
  const split = slice === undefined ? '' : `${sharesOf(slice)}; `;
  return `         ${split}${totals.ok} requests served, ${totals.dropped} dropped, ${totals.appErrors} errors of the app`;
}

const clock = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s`;
