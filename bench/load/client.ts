// The load client's program: the first message from its parent holds the options; ends when the load has ended or the parent is gone.
import type { FromClient, ToClient } from './client-protocol.ts';
import { type Generator, generateLoad } from './generator.ts';

/** How often the parent hears the live totals. */
const totalsEveryMs = 100;

let generator: Generator | undefined;

const tell = (message: FromClient): Promise<void> =>
  new Promise((resolve) => {
    if (process.send) process.send(message, () => resolve());
    else resolve();
  });

process.on('disconnect', () => process.exit(1));
process.on('SIGINT', () => {});
process.on('message', (message: ToClient) => {
  switch (message.type) {
    case 'start':
      void run(message);
      break;
    case 'mark':
      generator?.mark(message.phase);
      void tell({ type: 'marked', phase: message.phase });
      break;
    case 'stop':
      void generator?.stop();
      break;
  }
});

async function run(message: ToClient & { type: 'start' }): Promise<void> {
  try {
    generator = generateLoad(message.options);
    await tell({ type: 'totals', totals: generator.totals() });
    const timer = setInterval(() => generator && void tell({ type: 'totals', totals: generator.totals() }), totalsEveryMs);
    const report = await generator.done;
    clearInterval(timer);
    await tell({ type: 'report', report });
  } catch (error) {
    await tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect?.();
}
