import type { RolloutEventType } from './events.ts';
import type { Phase } from './state.ts';

type Moves = Partial<Record<RolloutEventType, readonly Phase[]>>;

/** News that may come at any time and change no phase by themselves. */
const news = { 'instance-started': [], healthy: [], unhealthy: [], broken: [], traffic: [], tick: [] } as const satisfies Moves;

/**
 * Legal moves: phase -> event -> phases it may lead to besides staying. Anything not listed is refused with
 * ILLEGAL_TRANSITION. `held` stands for the phase it is held in and may do what that one may.
 */
export const moves = {
  queued: {
    ...news,
    started: ['preparing', 'starting', 'verifying'],
    paused: ['held'],
    aborted: ['cancelled'],
    superseded: ['superseded'],
  },
  preparing: {
    ...news,
    built: ['starting', 'verifying'],
    'build-failed': ['failed'],
    'accessories-ready': ['starting', 'verifying'],
    'accessories-failed': ['failed'],
    'command-done': ['starting', 'verifying', 'superseded'],
    'command-failed': ['failed', 'superseded'],
    'command-lost': ['held', 'superseded'],
    paused: ['held'],
    aborted: ['cancelled'],
    superseded: ['superseded'],
  },
  starting: {
    ...news,
    healthy: ['verifying'],
    broken: ['failed'],
    tick: ['failed'],
    paused: ['held'],
    aborted: ['cancelled'],
    superseded: ['superseded'],
  },
  verifying: {
    ...news,
    broken: ['failed'],
    tick: ['failed'],
    'smoke-passed': [],
    'smoke-failed': ['failed'],
    cleared: ['shifting'],
    paused: ['held'],
    aborted: ['cancelled'],
    superseded: ['superseded'],
  },
  shifting: {
    ...news,
    published: ['baking'],
    healthy: [],
    unhealthy: ['rolling-back', 'held'],
    broken: ['rolling-back', 'held'],
    traffic: ['rolling-back', 'held'],
    tick: ['rolling-back', 'held'],
    promoted: [],
    paused: ['held'],
    aborted: ['rolling-back'],
    superseded: ['rolling-back'],
  },
  baking: {
    ...news,
    'smoke-passed': ['succeeded'],
    'smoke-failed': ['rolling-back', 'held'],
    healthy: ['succeeded'],
    unhealthy: ['rolling-back', 'held'],
    broken: ['rolling-back', 'held'],
    traffic: ['rolling-back', 'held'],
    tick: ['succeeded', 'rolling-back', 'held'],
    promoted: ['succeeded'],
    paused: ['held'],
    aborted: ['rolling-back'],
    superseded: ['superseded'],
  },
  'rolling-back': {
    ...news,
    'warmed-up': [],
    published: ['rolled-back', 'superseded'],
    tick: ['held'],
    paused: [],
    aborted: [],
    superseded: [],
  },
  held: {
    ...news,
    built: [],
    'build-failed': ['failed'],
    'accessories-ready': [],
    'accessories-failed': ['failed'],
    'command-done': ['superseded'],
    'command-failed': ['failed', 'superseded'],
    'command-lost': ['superseded'],
    'smoke-passed': [],
    'smoke-failed': ['failed', 'rolling-back'],
    'warmed-up': [],
    published: ['rolled-back', 'superseded'],
    unhealthy: ['rolling-back'],
    broken: ['failed', 'rolling-back'],
    traffic: ['rolling-back'],
    promoted: ['shifting', 'baking', 'succeeded'],
    paused: [],
    resumed: ['queued', 'preparing', 'starting', 'verifying', 'shifting', 'baking', 'rolling-back', 'succeeded', 'superseded'],
    aborted: ['cancelled', 'rolling-back'],
    superseded: ['superseded', 'rolling-back'],
  },
  succeeded: {},
  'rolled-back': {},
  failed: {},
  cancelled: {},
  superseded: {},
} as const satisfies Record<Phase, Moves>;

/** Whether `to` may follow `from` on the event; staying is always allowed for a listed event. */
export function isLegal(from: Phase, event: RolloutEventType, to: Phase): boolean {
  const listed = (moves[from] as Moves)[event];
  return listed !== undefined && (from === to || listed.includes(to));
}
