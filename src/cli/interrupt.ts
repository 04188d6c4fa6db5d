import { type ExitCode, exitCodes } from './failure.ts';

/** Runs something endless until Ctrl-C, which is its ordinary end. */
export async function untilInterrupted(run: (signal: AbortSignal) => Promise<void>): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.on('SIGINT', onInterrupt);
  try {
    await run(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.done;
}
