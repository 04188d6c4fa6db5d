import type { Edition } from './edition.ts';
import { isRefusal } from './faults.ts';
import type { Live, WorkerLink } from './worker-link.ts';

/** A worker has this long to acknowledge a table before it is replaced. */
export const acknowledgeMs = 2_000;
/** A replacement has this long to serve it. */
export const replacementMs = 10_000;

/** Exchanges the process behind a link, giving the present one `graceMs` to finish. */
export type Replace = (name: string, graceMs: number) => Promise<void>;

/** Brings a table to whichever process serves a link. True when that process had to be replaced to get it served. */
export async function deliver(link: WorkerLink, edition: Edition, replace: Replace): Promise<boolean> {
  try {
    await commitWithin(link, edition, acknowledgeMs);
    return false;
  } catch (cause) {
    if (!isRefusal(cause, 'WIRE_TIMEOUT')) throw cause;
  }
  await replaceSilent(link, replace);
  await commitWithin(link, edition, replacementMs);
  return true;
}

/** A replaced worker that still finishes requests follows, or ends. */
export async function deliverToRetiring(live: Live, edition: Edition): Promise<void> {
  try {
    await handOver(live, edition, acknowledgeMs);
  } catch (cause) {
    if (isRefusal(cause, 'WIRE_TIMEOUT') && live.open) kill(live);
  }
}

/**
 * One that ends under our hands is started again by the keeper.
 * @throws WireError WIRE_TIMEOUT, or what the worker refuses with.
 */
async function commitWithin(link: WorkerLink, edition: Edition, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  let tried: Live | undefined;
  for (;;) {
    tried = await link.live(deadline - performance.now(), tried?.open === false ? tried : undefined);
    try {
      await handOver(tried, edition, deadline - performance.now());
      return;
    } catch (cause) {
      if (!isRefusal(cause, 'WIRE_CLOSED')) throw cause;
      tried.open = false;
    }
  }
}

/** Hands a worker what it lacks: the difference to what it serves, or, when that does not fit, the whole. @throws WireError */
export async function handOver(live: Live, edition: Edition, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  const { control } = live;
  const change = edition.changeFrom(live.digest);
  let done = false;
  if (change) {
    try {
      await control.call('commit-change', { change }, Math.max(1, ms));
      done = true;
    } catch (cause) {
      // It serves something else than we thought, or is of a version that knows whole tables only.
      if (!isRefusal(cause, 'TABLE_GAP', 'UNKNOWN_METHOD')) throw cause;
    }
  }
  if (!done) {
    const { table, digest } = edition;
    await control.call('commit', { table, digest }, Math.max(1, deadline - performance.now()));
  }
  live.digest = edition.digest;
}

/** A silent worker may wake up and go on with its old table, so it has to be gone before the commit is. */
async function replaceSilent(link: WorkerLink, replace: Replace): Promise<void> {
  const former = link.leave();
  if (former?.open) kill(former);
  await replace(link.name, 0);
}

/** The connection is open, so the process id is still its own. */
function kill(live: Live): void {
  try {
    process.kill(live.hello.pid, 'SIGKILL');
  } catch {
    // Gone by itself in this instant.
  }
  live.control.close();
}
