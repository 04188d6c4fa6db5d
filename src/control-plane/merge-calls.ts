/**
 * Runs `work` when asked; requests that come while it runs are merged into one more run. A fault ends that run only.
 * `kick` never throws and never waits.
 */
export function mergeCalls(
  work: () => Promise<void>,
  onFault: (error: unknown) => void,
): { readonly kick: () => void; readonly stop: () => void } {
  const state = { running: false, again: false, stopped: false };

  async function loop(): Promise<void> {
    state.running = true;
    do {
      state.again = false;
      try {
        await work();
      } catch (error) {
        onFault(error);
      }
    } while (state.again && !state.stopped);
    state.running = false;
  }

  return {
    kick: () => {
      if (state.stopped) return;
      if (state.running) state.again = true;
      else void loop();
    },
    stop: () => {
      state.stopped = true;
    },
  };
}
